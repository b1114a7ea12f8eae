"""Front door: /, log in and out, throttling, headers, error pages."""

import json
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from governance.states import Status
from tests.factories import PASSWORD, make_request, make_reviewer, make_score

pytestmark = pytest.mark.django_db


def log_in(client: Client, username: str, password: str = PASSWORD, **more: str) -> object:
    return client.post("/login/", {"username": username, "password": password, **more})


@pytest.mark.parametrize("accept", ["*/*", "application/json", ""])
def test_the_root_answers_programs_with_its_status(client: Client, accept: str) -> None:
    body = json.loads(client.get("/", headers={"Accept": accept} if accept else {}).content)
    assert body["status"] == "ATLAS Governance Gateway Running"
    assert body["version"]
    assert body["links"]["console"].endswith("/queue/")


def test_the_root_answers_a_browser_with_a_page(client: Client) -> None:
    answer = client.get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert "Log in to review" in answer.content.decode()
    assert "Accept" in answer["Vary"]


def test_the_root_leads_a_reviewer_to_the_overview(client: Client) -> None:
    client.force_login(make_reviewer())
    assert client.get("/", headers={"Accept": "text/html"})["Location"] == "/overview/"


def test_logging_in_leads_to_the_queue_or_to_the_page_that_was_asked_for(client: Client) -> None:
    make_reviewer("sarah")
    assert log_in(client, "sarah")["Location"] == "/queue/"
    client.logout()
    assert log_in(client, "sarah", next="/history/")["Location"] == "/history/"


def test_logging_in_never_leads_to_another_site(client: Client) -> None:
    make_reviewer("sarah")
    assert log_in(client, "sarah", next="https://evil.example/")["Location"] == "/queue/"


def test_a_wrong_password_is_told_without_saying_which_part_is_wrong(client: Client) -> None:
    make_reviewer("sarah")
    assert "do not belong together" in log_in(client, "sarah", "wrong").content.decode()
    assert "do not belong together" in log_in(client, "nobody", "wrong").content.decode()


def test_guessing_is_stopped_and_told_plainly_even_with_the_right_password(client: Client) -> None:
    make_reviewer("sarah")
    codes = [log_in(client, "sarah", "wrong").status_code for _ in range(settings.AXES_FAILURE_LIMIT)]
    assert codes[-1] == 429
    answer = log_in(client, "sarah")
    assert answer.status_code == 429
    assert "Too many failed log-ins" in answer.content.decode()
    assert "sarah" in answer.content.decode()
    assert client.get("/queue/").status_code == 302


def test_one_guessed_name_does_not_lock_out_another(client: Client) -> None:
    make_reviewer("sarah")
    make_reviewer("mona")
    for _ in range(settings.AXES_FAILURE_LIMIT):
        log_in(client, "sarah", "wrong")
    assert log_in(client, "mona")["Location"] == "/queue/"


def test_logging_out_is_a_post(client: Client) -> None:
    client.force_login(make_reviewer())
    assert client.get("/logout/").status_code == 405
    client.post("/logout/")
    assert client.get("/queue/").status_code == 302


PAGES = ["/", "/login/", "/queue/", "/history/", "/nowhere/", "/queue/?after=x"]


@pytest.mark.parametrize("path", [*PAGES, "request"])
def test_no_page_holds_inline_script_or_style_and_the_policy_forbids_both(client: Client, path: str) -> None:
    client.force_login(make_reviewer())
    request = make_request(score=make_score(90))
    make_request(status=Status.SUCCEEDED)
    if path in ("/", "/login/"):
        client.logout()
    answer = client.get(request.get_absolute_url() if path == "request" else path, headers={"Accept": "text/html"})
    policy, text = answer["Content-Security-Policy"], answer.content.decode()
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))


@pytest.mark.parametrize("path", ["/queue/", "/history/"])
def test_pages_of_a_person_are_not_kept_by_caches(client: Client, path: str) -> None:
    client.force_login(make_reviewer())
    assert "no-store" in client.get(path)["Cache-Control"]


@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "429", "500"])
def test_every_error_page_stands_without_any_context(name: str) -> None:
    from django.template.loader import get_template

    assert 'class="plain' in get_template(f"{name}.html").render()


def test_nothing_is_loaded_from_elsewhere() -> None:
    root = Path(settings.BASE_DIR)
    for file in [*root.glob("templates/**/*.*"), *root.glob("static/css/**/*.css"), *root.glob("static/js/*")]:
        assert not re.search(r"""(src|href|url|import)\W{1,3}https?://""", file.read_text(encoding="utf-8")), file
