# The gateway's image: `docker run -p 8000:8000 --env-file .env atlas-gateway` serves,
# `docker run -i --rm atlas-gateway` speaks MCP on stdio. See docs/operations.md.

FROM python:3.13-slim-trixie AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /venv
COPY requirements.txt /tmp/requirements.txt
# Wheels only: nothing is compiled, so neither stage has a compiler. Every file is checked against its hash.
RUN /venv/bin/pip install --require-hashes --only-binary :all: -r /tmp/requirements.txt \
 && /venv/bin/pip uninstall --yes pip \
 && find /venv -type d -path "*/twisted/*" -name test -prune -exec rm -rf {} +

WORKDIR /app
COPY . .
# Static files are hashed and compressed here, and an empty database is migrated: a first start on SQLite copies it, which
# is some seconds faster for an MCP client that waits. The keys of these two commands are not kept.
RUN export ATLAS_SECRET_KEY=build ATLAS_DATA_DIR=/app/empty \
 && /venv/bin/python manage.py collectstatic --no-input -v 0 \
 && /venv/bin/python manage.py migrate --no-input -v 0 \
 && rm -f /app/empty/*.secret \
 && /venv/bin/python -m compileall -q atlas_site governance mcp_bridge reviews \
 && chmod -R a+rX /app && chmod 755 atlas_site/deploy/entrypoint.sh \
 && install -d -o 10001 -g 10001 -m 700 /data


FROM python:3.13-slim-trixie
ARG VERSION=dev
LABEL org.opencontainers.image.title="ATLAS governance gateway" \
      org.opencontainers.image.description="Human-in-the-loop governance of AI agents' tool calls over MCP" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION"
RUN groupadd --gid 10001 atlas && useradd --uid 10001 --gid atlas --no-create-home --home-dir /data --shell /usr/sbin/nologin atlas
COPY --from=build /venv /venv
COPY --from=build /app /app
COPY --from=build --chown=10001:10001 /data /data
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 ATLAS_DATA_DIR=/data
WORKDIR /app
USER 10001:10001
VOLUME /data
EXPOSE 8000
# Alive, not ready: a database or scorer that is away is no reason to kill the process that shows it to people.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=1s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health/live', timeout=4).close()"]
ENTRYPOINT ["/app/atlas_site/deploy/entrypoint.sh"]
