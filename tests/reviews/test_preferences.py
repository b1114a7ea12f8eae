"""Theme, keys and language: chosen once, obeyed by every page; programs are always answered in English."""

import pytest
from django.urls import reverse

from reviews.models import Preferences
from tests.factories import make_reviewer

pytestmark = pytest.mark.django_db
GERMAN = {"HTTP_ACCEPT_LANGUAGE": "de"}


@pytest.fixture
def sarah(client):
    person = make_reviewer("sarah")
    client.force_login(person)
    return person


def page(client, name="preferences", **headers):
    return client.get(reverse(name), **headers).content.decode()


def test_a_theme_is_rendered_by_the_server(client, sarah):
    assert "data-theme" not in page(client)
    client.post(reverse("preferences"), {"theme": "dark", "keys": "on", "language": ""})
    html = page(client, "halts")
    assert 'data-theme="dark"' in html and '<meta name="color-scheme" content="dark">' in html


def test_keys_can_be_switched_off(client, sarah):
    assert 'data-keys="on"' in page(client)
    client.post(reverse("preferences"), {"theme": "auto", "language": ""})
    assert 'data-keys="off"' in page(client, "history")


def test_what_is_no_choice_is_refused_and_changes_nothing(client, sarah):
    answer = client.post(reverse("preferences"), {"theme": "pink", "language": "tlh"})
    assert answer.status_code == 422
    assert not Preferences.objects.exists()


def test_the_menu_changes_the_theme_and_leads_back(client, sarah):
    Preferences.objects.create(user=sarah, keys=False, language="de")
    answer = client.post(reverse("theme"), {"theme": "light", "next": "/history/?q=x"})
    assert answer.url == "/history/?q=x"
    kept = Preferences.objects.get()
    assert (kept.theme, kept.keys, kept.language) == ("light", False, "de")


@pytest.mark.parametrize("name", ["theme", "set_language"])
def test_it_leads_nowhere_else(client, sarah, name):
    values = {"theme": "light", "language": "de", "next": "https://evil.example/"}
    assert "evil" not in client.post(reverse(name), values).url


def test_the_browser_is_asked_for_the_language(client):
    assert '<html lang="de" dir="ltr">' in page(client, "login", **GERMAN)
    assert '<html lang="en" dir="ltr">' in page(client, "login", HTTP_ACCEPT_LANGUAGE="fr")


def test_a_persons_choice_comes_before_the_browsers(client, sarah):
    client.post(reverse("set_language"), {"language": "de", "next": "/halts/"})
    assert '<html lang="de"' in page(client, "halts", HTTP_ACCEPT_LANGUAGE="en")
    client.post(reverse("preferences"), {"theme": "auto", "keys": "on", "language": "en"})
    assert '<html lang="en"' in page(client, "halts", **GERMAN)


def test_the_language_chosen_before_the_log_in_is_kept_in_the_browser(client):
    client.post(reverse("set_language"), {"language": "de", "next": "/login/"})
    assert '<html lang="de"' in page(client, "login", HTTP_ACCEPT_LANGUAGE="en")


@pytest.mark.parametrize("path", ["/api/v1/requests/evt_none/", "/health/ready", "/api/nowhere"])
def test_programs_are_answered_in_english(client, sarah, path):
    Preferences.objects.create(user=sarah, language="de")
    answer = client.get(path, **GERMAN)
    assert answer.content == client.get(path).content
    assert answer.headers.get("Content-Language") in (None, "en")


def test_nobody_has_preferences_without_a_log_in(client):
    for name in ("preferences", "theme"):
        assert client.post(reverse(name)).url.startswith("/login/")
