#!/usr/bin/env bash
# Writes .env for the containers, builds the image atlas-gateway and starts docker-compose.yml.
set -euo pipefail
cd "$(dirname "$0")"
umask 077

usage() {
  cat <<'TEXT'
./setup.sh [--yes] [--no-start]

  --yes       ask nothing: what .env holds is kept, what it lacks comes from the environment,
              else from the defaults; secrets are generated
  --no-start  write .env and stop

With --yes the environment may name: ATLAS_PUBLIC_URL, ATLAS_HOST, ATLAS_PORT, ATLAS_WEB_REPLICAS,
ATLAS_SCORER (embedded, modal, openai), MODAL_FUNCTION_NAME, MODAL_TOKEN_ID, MODAL_TOKEN_SECRET,
MODAL_ENVIRONMENT, OPENAI_BASE_URL, OPENAI_API_KEY, OPENAI_MODEL, INNGEST_SIGNING_KEY, INNGEST_EVENT_KEY,
INNGEST_BASE_URL (empty, with no keys: the embedded executor), DATABASE_URL, REDIS_URL, and the passwords below.
Secrets are never printed.
TEXT
}

ENV_FILE=.env
ask=1 start=1
for argument in "$@"; do
  case $argument in
    --yes | -y) ask=0 ;;
    --no-start) start=0 ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done

fail() { printf 'setup.sh: %s\n' "$*" >&2; exit 1; }
say() { printf '%s\n' "$*"; }

# -- values: "V_NAME" holds what will stand in .env ---------------------------------------------

names=()  # in the order they are written

is_set() { local holder=V_$1; [ -n "${!holder+x}" ]; }
get() { local holder=V_$1; printf '%s' "${!holder-}"; }
put() { # NAME VALUE
  # docker run, docker compose and the gateway read .env by different rules; they agree on values without these.
  case $2 in *[[:space:]\'\"\\\$\#\`]*) fail "$1 must not hold spaces, quotes, \$, #, \` or backslashes (percent-encode them in addresses)." ;; esac
  is_set "$1" || names+=("$1")
  printf -v "V_$1" '%s' "$2"
}

read_env_file() {
  local line name value
  while IFS= read -r line || [ -n "$line" ]; do
    name=${line%%=*} value=${line#*=}
    [[ $line == *=* && $name =~ ^[A-Za-z_][A-Za-z0-9_]*$ ]] || continue
    value=${value%$'\r'}
    case $value in \"*\" | \'*\') value=${value:1:${#value}-2} ;; esac
    put "$name" "$value"
  done < "$ENV_FILE"
}

random_hex() { od -An -v -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }

random_fernet_key() { head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n'; }

# NAME DEFAULT: what .env has, else the environment, else the default; empty counts as not there
settle() { [ -n "$(get "$1")" ] || put "$1" "${!1:-$2}"; }
settle_secret() { [ -n "$(get "$1")" ] || put "$1" "${!1:-$(random_hex 32)}"; }

# -- checks: each prints what is wrong, or nothing ----------------------------------------------

check_url() { [[ $1 =~ ^https?://[^/@[:space:]]+(/[^[:space:]]*)?$ ]] || echo "write an address like https://host or http://host:port/path"; }
check_public_url() { [[ $1 =~ ^https?://[A-Za-z0-9.-]+(:[0-9]+)?/?$ ]] || echo "write an address without a path, like https://atlas.example.org"; }
check_port() { [[ $1 =~ ^[0-9]{1,5}$ && $((10#$1)) -ge 1 && $((10#$1)) -le 65535 ]] || echo "write a port from 1 to 65535"; }
check_bind() { [[ $1 =~ ^([0-9]{1,3}\.){3}[0-9]{1,3}$ ]] || echo "write an IPv4 address of this machine; 127.0.0.1 keeps it to this machine"; }
check_count() { [[ $1 =~ ^[1-9]$|^1[0-6]$ ]] || echo "write a number from 1 to 16"; }
check_hex() { [[ $1 =~ ^([0-9a-fA-F]{2})+$ && ${#1} -ge 32 ]] || echo "write at least 32 hex digits, of even length (openssl rand -hex 32)"; }
check_cloud_key() { [[ $1 =~ ^signkey-[a-z]+-([0-9a-fA-F]{2})+$ ]] || echo "Inngest Cloud's signing keys look like signkey-prod- and hex digits"; }
check_fernet_keys() { [[ $1 =~ ^[A-Za-z0-9_-]{43}=(,[A-Za-z0-9_-]{43}=)*$ ]] || echo "write keys made by: openssl rand -base64 32 | tr +/ -_ (with commas)"; }
check_some() { [ -n "$1" ] || echo "it must not be empty"; }
check_modal() { [[ $1 =~ ^[^/]+/[^/]+$ ]] || echo "write APP/FUNCTION, like atlas-welfare-v1/inference"; }
check_any() { :; }

require_valid() { # NAME CHECK
  local wrong; wrong=$("$2" "$(get "$1")")
  [ -z "$wrong" ] || fail "$1: $wrong."
}

# -- questions ----------------------------------------------------------------------------------

prompt() { # NAME CHECK QUESTION [secret]: Enter keeps what is there
  local answer wrong shown
  shown=" [$(get "$1")]"
  if [ -n "${4:-}" ]; then shown=""; [ -z "$(get "$1")" ] || shown=" [keep it]"; fi
  [ -n "$(get "$1")" ] || shown=""
  while :; do
    printf '%s%s: ' "$3" "$shown" >&2
    if [ -n "${4:-}" ] && [ -t 0 ]; then IFS= read -rs answer || fail "no answer"; echo >&2; else IFS= read -r answer || fail "no answer"; fi
    [ -n "$answer" ] || answer=$(get "$1")
    wrong=$("$2" "$answer")
    if [ -n "$wrong" ]; then say "  Please $wrong." >&2; continue; fi
    case $answer in *[[:space:]\'\"\\\$\#\`]*) say "  Please leave out spaces, quotes, \$, #, \` and backslashes." >&2; continue ;; esac
    put "$1" "$answer"
    return
  done
}

choose() { # QUESTION DEFAULT WORD...: prints the chosen word
  local question=$1 default=$2 answer word; shift 2
  while :; do
    printf '%s (%s) [%s]: ' "$question" "$(IFS=/; echo "$*")" "$default" >&2
    IFS= read -r answer || fail "no answer"
    answer=${answer:-$default}
    for word in "$@"; do if [ "$word" = "$answer" ]; then echo "$word"; return; fi; done
    say "  Please choose one of: $*" >&2
  done
}

ask_everything() {
  say "Enter keeps what stands in brackets." >&2
  settle ATLAS_HOST 127.0.0.1
  prompt ATLAS_HOST check_bind "Address of this machine to listen on"
  settle ATLAS_PORT 8000
  prompt ATLAS_PORT check_port "Port to listen on"
  settle ATLAS_PUBLIC_URL "http://127.0.0.1:$(get ATLAS_PORT)"
  prompt ATLAS_PUBLIC_URL check_public_url "Address that people and agents use"
  ask_scorer
  ask_workflow
}

ask_scorer() {
  local default chosen
  default=${V_ATLAS_SCORER:-${ATLAS_SCORER:-embedded}}
  [ "$default" != openai ] || [[ ${V_OPENAI_BASE_URL-} == "" || ${V_OPENAI_BASE_URL-} == https://api.openai.com/* ]] || default=ollama
  say "Who scores the risk of a call: the built-in rules, a Modal function, OpenAI, or Ollama (any OpenAI-compatible server)?" >&2
  chosen=$(choose "AI backend" "$default" embedded modal openai ollama)
  settle MODAL_FUNCTION_NAME nislam-mics/ATLAS-NIST-Measure
  case $chosen in
    modal)
      settle MODAL_TOKEN_ID ""; settle MODAL_TOKEN_SECRET ""
      prompt MODAL_FUNCTION_NAME check_modal "Modal function (APP/FUNCTION)"
      prompt MODAL_TOKEN_ID check_some "Modal token id" secret
      prompt MODAL_TOKEN_SECRET check_some "Modal token secret" secret ;;
    openai)
      put OPENAI_BASE_URL https://api.openai.com/v1
      settle OPENAI_API_KEY ""; settle OPENAI_MODEL gpt-5-mini
      [ "$default" != ollama ] || put OPENAI_MODEL gpt-5-mini
      prompt OPENAI_API_KEY check_some "OpenAI API key" secret
      prompt OPENAI_MODEL check_some "Model" ;;
    ollama)
      [[ $(get OPENAI_BASE_URL) != https://api.openai.com/* ]] || put OPENAI_BASE_URL ""
      [ -n "$(get OPENAI_BASE_URL)" ] || put OPENAI_BASE_URL http://host.docker.internal:11434/v1
      [[ $(get OPENAI_MODEL) != gpt-* ]] || put OPENAI_MODEL ""
      [ -n "$(get OPENAI_MODEL)" ] || put OPENAI_MODEL llama3.2
      settle OPENAI_API_KEY ""
      prompt OPENAI_BASE_URL check_url "Address of its API, as the containers reach it"
      prompt OPENAI_MODEL check_some "Model"
      prompt OPENAI_API_KEY check_any "API key, if it asks for one" secret ;;
  esac
  case $chosen in ollama) put ATLAS_SCORER openai ;; *) put ATLAS_SCORER "$chosen" ;; esac
}

ask_workflow() {
  local chosen default=self-hosted
  [ "$(get ATLAS_INNGEST_REPLICAS)" != 0 ] || default=embedded
  [[ $(get INNGEST_SIGNING_KEY) != signkey-* ]] || default=cloud
  say "Who drives the workflow: an Inngest server in these containers, Inngest Cloud, or the gateway's embedded executor?" >&2
  chosen=$(choose "Workflow" "$default" self-hosted cloud embedded)
  [ "$chosen" = "$default" ] || { put INNGEST_SIGNING_KEY ""; put INNGEST_EVENT_KEY ""; }
  case $chosen in
    self-hosted)
      put ATLAS_INNGEST_REPLICAS 1; drop INNGEST_BASE_URL
      settle_secret INNGEST_SIGNING_KEY; settle_secret INNGEST_EVENT_KEY
      prompt INNGEST_SIGNING_KEY check_hex "Signing key, hex (Enter: a generated one)" secret
      prompt INNGEST_EVENT_KEY check_hex "Event key, hex (Enter: a generated one)" secret ;;
    cloud)
      put ATLAS_INNGEST_REPLICAS 0; put INNGEST_BASE_URL ""; put INNGEST_SERVE_ORIGIN "$(get ATLAS_PUBLIC_URL)"
      settle INNGEST_SIGNING_KEY ""; settle INNGEST_EVENT_KEY ""
      prompt INNGEST_SIGNING_KEY check_cloud_key "Signing key" secret
      prompt INNGEST_EVENT_KEY check_some "Event key" secret ;;
    embedded)
      put ATLAS_INNGEST_REPLICAS 0; put INNGEST_BASE_URL ""; put INNGEST_SIGNING_KEY ""; put INNGEST_EVENT_KEY "" ;;
  esac
}

drop() { # NAME
  local kept=() name
  for name in ${names[@]+"${names[@]}"}; do [ "$name" = "$1" ] || kept+=("$name"); done
  names=(${kept[@]+"${kept[@]}"})
  unset "V_$1"
}

# -- what must be there in the end --------------------------------------------------------------

fill_in() {
  settle ATLAS_PRODUCTION 1
  settle ATLAS_HOST 127.0.0.1
  settle ATLAS_PORT 8000
  settle ATLAS_PUBLIC_URL "http://127.0.0.1:$(get ATLAS_PORT)"
  put ATLAS_PUBLIC_URL "$(get ATLAS_PUBLIC_URL | sed 's#/$##')"
  settle ATLAS_WEB_REPLICAS 1
  settle_secret ATLAS_SECRET_KEY
  settle ATLAS_ENCRYPTION_KEYS "$(random_fernet_key)"
  settle_secret ATLAS_METRICS_TOKEN
  settle_secret POSTGRES_PASSWORD
  settle_secret ATLAS_DB_PASSWORD
  settle_secret INNGEST_DB_PASSWORD
  for name in DATABASE_URL REDIS_URL MODAL_ENVIRONMENT; do [ -z "${!name-}" ] || settle "$name" ""; done

  settle ATLAS_SCORER embedded
  settle MODAL_FUNCTION_NAME nislam-mics/ATLAS-NIST-Measure
  settle MODAL_TOKEN_ID ""; settle MODAL_TOKEN_SECRET ""
  settle OPENAI_BASE_URL https://api.openai.com/v1
  settle OPENAI_API_KEY ""; settle OPENAI_MODEL gpt-5-mini

  # An address that is there and empty: no server of one's own, so the embedded executor unless Inngest Cloud's keys stand.
  [ -z "${INNGEST_BASE_URL+x}" ] || settle INNGEST_BASE_URL ""
  if is_set INNGEST_BASE_URL && [ -z "$(get INNGEST_BASE_URL)" ]; then
    settle INNGEST_SIGNING_KEY ""; settle INNGEST_EVENT_KEY ""; put ATLAS_INNGEST_REPLICAS 0
  elif [[ ${V_INNGEST_SIGNING_KEY-${INNGEST_SIGNING_KEY-}} == signkey-* ]]; then
    settle INNGEST_SIGNING_KEY ""; settle INNGEST_EVENT_KEY ""; put INNGEST_BASE_URL ""
    settle ATLAS_INNGEST_REPLICAS 0; settle INNGEST_SERVE_ORIGIN "$(get ATLAS_PUBLIC_URL)"
  else
    settle_secret INNGEST_SIGNING_KEY; settle_secret INNGEST_EVENT_KEY
    if [ -n "$(get INNGEST_BASE_URL)" ]; then settle ATLAS_INNGEST_REPLICAS 0; else settle ATLAS_INNGEST_REPLICAS 1; fi
  fi
}

check_everything() {
  require_valid ATLAS_PUBLIC_URL check_public_url
  require_valid ATLAS_ENCRYPTION_KEYS check_fernet_keys
  require_valid ATLAS_HOST check_bind
  require_valid ATLAS_PORT check_port
  require_valid ATLAS_WEB_REPLICAS check_count
  require_valid OPENAI_BASE_URL check_url
  require_valid MODAL_FUNCTION_NAME check_modal
  case $(get ATLAS_SCORER) in
    embedded) ;;
    modal) require_valid MODAL_TOKEN_ID check_some; require_valid MODAL_TOKEN_SECRET check_some ;;
    openai) if [[ $(get OPENAI_BASE_URL) == https://api.openai.com/* ]]; then require_valid OPENAI_API_KEY check_some; fi ;;
    *) fail "ATLAS_SCORER: choose embedded, modal or openai (Ollama too, with OPENAI_BASE_URL)." ;;
  esac
  if [ -n "$(get INNGEST_SIGNING_KEY)$(get INNGEST_EVENT_KEY)" ]; then
    require_valid INNGEST_EVENT_KEY check_some
    if [[ $(get INNGEST_SIGNING_KEY) == signkey-* ]]; then require_valid INNGEST_SIGNING_KEY check_cloud_key
    else require_valid INNGEST_SIGNING_KEY check_hex; fi
  fi
  if is_set INNGEST_BASE_URL && [ -n "$(get INNGEST_BASE_URL)" ]; then require_valid INNGEST_BASE_URL check_url; fi
  case $(get ATLAS_PUBLIC_URL) in
    https://* | http://127.0.0.1* | http://localhost*) ;;
    *) say "Note: without https, passwords and tokens cross the network in the clear (docs/operations.md, TLS)." >&2 ;;
  esac
}

write_env_file() {
  local name
  new=$(mktemp .env.new.XXXXXX)
  trap 'rm -f "$new"' EXIT
  {
    say "# Written by setup.sh; every variable is explained in .env.example. Holds secrets: keep it at mode 600."
    for name in "${names[@]}"; do say "$name=$(get "$name")"; done
  } > "$new"
  chmod 600 "$new"
  if [ -e "$ENV_FILE" ]; then
    if cmp -s "$new" "$ENV_FILE"; then chmod 600 "$ENV_FILE"; say ".env is as it should be."; return; fi
    local backup; backup=.env.backup-$(date +%Y%m%d-%H%M%S)
    cp "$ENV_FILE" "$backup"; chmod 600 "$backup"
    say "The former .env is kept as $backup."
  fi
  mv "$new" "$ENV_FILE"
  say "Wrote .env (mode 600)."
}

need_docker() {
  local then="install it, then run: ./setup.sh --yes"
  command -v docker > /dev/null || fail "docker is missing (https://docs.docker.com/engine/install/). .env is written; $then"
  docker compose version > /dev/null 2>&1 || fail "docker compose (version 2, the docker-compose-plugin) is missing. .env is written; $then"
  docker info > /dev/null 2>&1 || fail "docker does not answer: is its service running, and may this user reach it? .env is written; then run: ./setup.sh --yes"
}

start_containers() {
  # The containers run as users of their own and must be able to read what is mounted into them.
  chmod a+rx atlas_site atlas_site/deploy atlas_site/deploy/*.sh
  chmod a+r atlas_site/deploy/haproxy.cfg
  docker compose build
  docker compose up --detach --wait --remove-orphans
  cat <<TEXT

The gateway runs: $(get ATLAS_PUBLIC_URL)
First time? Create a reviewer and an agent; each prints its secrets once:
  docker compose exec web python manage.py create_reviewer NAME
  docker compose exec web python manage.py create_agent NAME
TEXT
}

if [ -e "$ENV_FILE" ]; then
  read_env_file
  if [ $ask = 1 ]; then
    answer=$(choose ".env is there. Keep what it holds and add what is missing, or go through every question" keep keep change)
    if [ "$answer" = change ]; then ask_everything; fi
  fi
elif [ $ask = 1 ]; then
  ask_everything
fi
fill_in
check_everything
write_env_file
[ $start = 1 ] || exit 0
need_docker
start_containers
