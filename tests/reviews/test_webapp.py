"""The installable app: its manifest, its worker, the page without network. None tells of a person."""

import json
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse

from tests.factories import make_request, make_reviewer, make_team

pytestmark = pytest.mark.django_db


def test_the_manifest_names_icons_that_are_there(client):
    manifest = json.loads(client.get("/manifest.webmanifest").content)
    assert manifest["display"] == "standalone" and manifest["start_url"] == "/queue/"
    assert {icon["purpose"] for icon in manifest["icons"]} == {"any", "maskable"}
    for icon in manifest["icons"]:
        name = Path(icon["src"]).name.split(".")[0]
        assert (Path(settings.BASE_DIR) / "static/icons" / f"{name}.png").exists()


def test_the_worker_stands_at_the_root_and_is_asked_for_anew(client):
    answer = client.get("/sw.js")
    assert answer["Content-Type"].startswith("text/javascript") and "no-store" in answer["Cache-Control"]
    text = answer.content.decode()
    assert "/offline/" in text and "{%" not in text and "/requests" not in text


def test_the_page_without_network_is_the_same_for_everybody(client):
    before = client.get("/offline/").content
    client.force_login(make_reviewer("sarah"))
    assert client.get("/offline/").content == before


def test_a_worker_is_allowed_by_the_policy_from_here_alone(client):
    policy = client.get("/login/")["Content-Security-Policy"]
    assert "worker-src 'self'" in policy and "manifest-src 'self'" in policy


def test_the_badge_counts_what_this_person_may_see(client):
    make_request()
    make_request(team=make_team("Other"))
    assert client.get(reverse("waiting")).status_code == 302
    client.force_login(make_reviewer("sarah"))
    assert client.get(reverse("waiting")).json() == {"waiting": "1"}
