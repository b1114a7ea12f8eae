"""The frame of the console: navigation, title, tokens that can be read."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse

from reviews import durations
from tests.factories import make_request, make_reviewer

TOKENS = {
    name: (light, dark)
    for name, light, dark in re.findall(
        r"--([a-z0-9-]+): light-dark\((#\w{6}), (#\w{6})\)",
        (Path(settings.BASE_DIR) / "static/css/console.css").read_text(encoding="utf-8"),
    )
}


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other, mode):
    low, high = sorted(luminance(TOKENS[name][mode]) for name in (one, other))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["n0", "n1", "n2"])
def test_every_text_can_be_read_on_every_ground(ground, mode):
    for text in ("n5", "n6", "n7", "accent", "high", "medium", "low"):
        assert contrast(text, ground, mode) >= 4.5, text


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
def test_marks_fields_and_series_stand_out(mode):
    for name in ("n4", "c1", "c2", "c3", "c4", "c5", "c6"):
        assert min(contrast(name, "n0", mode), contrast(name, "n1", mode)) >= 3, name
    for name in ("accent", "high", "medium", "low"):
        assert contrast(name, f"{name}-soft", mode) >= 4.5, name
    assert contrast("accent", "accent-ink", mode) >= 4.5


def test_the_browsers_frame_has_the_pages_colours():
    base = (Path(settings.BASE_DIR) / "templates/base.html").read_text(encoding="utf-8")
    assert re.findall(r'theme-color" content="(#\w{6})"', base) == list(TOKENS["n1"])


@pytest.mark.django_db
def test_the_page_in_front_is_marked_and_the_rest_is_a_link(client):
    client.force_login(make_reviewer("sarah"))
    html = client.get(reverse("halts")).content.decode()
    assert html.count('aria-current="page"') == 1
    assert re.search(r'href="/halts/" aria-current="page"', html)
    for name in ("queue", "history", "preferences"):
        assert f'href="{reverse(name)}"' in html


@pytest.mark.django_db
def test_only_staff_sees_the_way_to_the_administration(client):
    client.force_login(make_reviewer("sarah"))
    assert "/admin/" not in client.get(reverse("halts")).content.decode()
    client.force_login(make_reviewer("olli", is_staff=True))
    assert 'href="/admin/"' in client.get(reverse("halts")).content.decode()


@pytest.mark.django_db
def test_the_tab_tells_how_many_wait_on_every_page(client):
    client.force_login(make_reviewer("sarah"))
    assert "<title>Preferences · ATLAS</title>" in client.get(reverse("preferences")).content.decode()
    make_request()
    for name in ("queue", "history", "halts", "preferences"):
        assert re.search(r"<title>\(1\) [^<]+ · ATLAS</title>", client.get(reverse(name)).content.decode()), name


def test_the_browser_ticks_on_with_the_servers_words():
    assert durations.words() == {
        "now": "now", "overdue": "overdue", "minutes": "{n} min", "hours": "{n} h", "both": "{n} h {m} min",
        "days": "{n} d",
    }
