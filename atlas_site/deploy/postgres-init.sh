#!/bin/sh
# Runs once, when the postgres image makes its data folder: the gateway and the Inngest server each get a role that
# owns one database and is no superuser.
set -eu

psql -v ON_ERROR_STOP=1 -v atlas="$ATLAS_DB_PASSWORD" -v inngest="$INNGEST_DB_PASSWORD" \
  --no-psqlrc --username "$POSTGRES_USER" --dbname postgres <<'SQL'
CREATE ROLE atlas LOGIN PASSWORD :'atlas';
CREATE DATABASE atlas OWNER atlas;
CREATE ROLE inngest LOGIN PASSWORD :'inngest';
CREATE DATABASE inngest OWNER inngest;
REVOKE CONNECT ON DATABASE atlas, inngest FROM PUBLIC;
SQL
