"""What the Dockerfile and the compose file promise, read as data."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
SERVICES = ["proxy", "web", "migrate", "inngest", "postgres", "redis"]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@pytest.fixture(scope="module")
def dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text()


@pytest.fixture(scope="module")
def proxy_configuration() -> str:
    return (ROOT / "atlas_site/deploy/haproxy.cfg").read_text()


def test_the_services_are_these(compose):
    assert sorted(compose["services"]) == sorted(SERVICES)


def test_only_the_proxy_is_published_and_only_to_this_machine_by_default(compose):
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert published == {"proxy": ["${ATLAS_HOST:-127.0.0.1}:${ATLAS_PORT:-8000}:8080"]}


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_has_no_capability_cannot_gain_one_and_rotates_its_log(compose, name):
    service = compose["services"][name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"]["max-size"]
    assert "privileged" not in service


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "inngest"])
def test_the_root_is_read_only_where_we_could_try_it(compose, name):
    assert compose["services"][name]["read_only"] is True


@pytest.mark.parametrize("name", [name for name in SERVICES if name not in ("migrate", "web")])
def test_the_others_have_health_checks_in_the_compose_file(compose, name):
    assert compose["services"][name]["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


def test_postgres_is_asked_over_tcp(compose):
    assert compose["services"]["postgres"]["healthcheck"]["test"][2:4] == ["-h", "127.0.0.1"]


def test_the_web_containers_start_after_the_migrations_and_can_be_many(compose):
    web = compose["services"]["web"]
    assert web["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert "container_name" not in web and "ports" not in web
    assert compose["services"]["migrate"]["restart"] == "no"


def test_inngest_keeps_its_state_outside_and_is_reachable_by_the_others_only(compose):
    inngest = compose["services"]["inngest"]
    command = " ".join(inngest["command"])
    assert command.startswith("inngest start ")
    for flag in ("--event-key=", "--signing-key=", "--redis-uri=", "--postgres-uri=", "--tick="):
        assert flag in command
    assert "http://web:8000/api/inngest" in command
    assert inngest["networks"] == ["data"] and compose["networks"]["data"]["internal"] is True


def test_the_other_services_passwords_are_kept_from_the_gateway(compose):
    for name in ("web", "migrate"):
        environment = compose["services"][name]["environment"]
        assert environment["POSTGRES_PASSWORD"] == environment["INNGEST_DB_PASSWORD"] == ""


def test_every_image_is_pinned(compose, dockerfile):
    images = {service["image"] for service in compose["services"].values()}
    images |= set(re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE))
    for image in images - {"atlas-gateway"}:
        assert re.search(r":v?\d+[\w.-]*$", image), image


def test_the_image_installs_checked_wheels_and_runs_as_nobody_in_particular(dockerfile):
    assert "--require-hashes --only-binary :all:" in dockerfile
    final = dockerfile.rsplit("\nFROM ", 1)[1]
    assert "USER 10001:10001" in final and "HEALTHCHECK" in final and "VOLUME /data" in final
    assert not re.search(r"apt-get|gcc|build-essential", final)


def test_the_build_context_is_a_list_of_what_is_needed():
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    allowed = {line[1:] for line in lines if line.startswith("!")}
    assert allowed == {
        "requirements.txt", "manage.py", "LICENSE", "atlas_site", "docs", "governance", "mcp_bridge", "reviews",
        "static", "templates",
    }
    assert "**/.env*" in lines


def test_the_proxy_drops_the_header_that_moves_announced_addresses(proxy_configuration):
    assert "del-header Daphne-Root-Path" in proxy_configuration


def test_the_proxy_keeps_an_agent_on_one_container_and_bounds_bodies(proxy_configuration):
    assert "req.hdr(authorization)" in proxy_configuration and "balance hash" in proxy_configuration
    assert f"gt {settings.DATA_UPLOAD_MAX_MEMORY_SIZE}" in proxy_configuration
