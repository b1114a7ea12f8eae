"""The documentation inside the console: every page, its links and pictures, search."""

import re

import pytest

from reviews import documents
from tests.factories import make_viewer
from tests.gateway import ROOT

SLUGS = sorted(path.stem for path in (ROOT / "docs").glob("*.md"))


@pytest.fixture
def reader(client, db):
    client.force_login(make_viewer("vera"))
    return client


@pytest.mark.parametrize("slug", SLUGS)
def test_every_page_is_shown_and_its_links_lead_somewhere(slug):
    html = documents.document(slug).html
    assert "style=" not in html
    for target, anchor in re.findall(r'href="(?:/docs/([\w-]+)/)?(?:#([^"]+))?"', html):
        page = documents.document(target or slug)
        assert not anchor or anchor in [section.anchor for section in page.sections]
    assert '.md"' not in html


def test_every_page_stands_in_one_group():
    listed = [page.slug for group in documents.groups() for page in group.documents]
    assert sorted(listed) == SLUGS


def test_a_page_has_contents_code_to_copy_and_its_neighbours(reader):
    answer = reader.get("/docs/connect-an-agent/").content.decode()
    assert 'href="#limits"' in answer
    assert 'id="limits"' in answer
    assert "data-copy=" in answer
    assert 'href="/docs/policy/"' in answer


@pytest.mark.parametrize("address", ["nothing", "..", "%2e%2e%2fREADME", "architecture.md", "pictures/..%2fREADME.md"])
def test_what_is_not_in_the_folder_is_not_found(reader, address):
    assert reader.get(f"/docs/{address}/").status_code == 404
    assert reader.get(f"/docs/pictures/{address}").status_code == 404


def test_pictures_are_served_with_their_size(reader):
    html = reader.get("/docs/policy/").content.decode()
    source = re.search(r'src="(/docs/pictures/[\w-]+\.png)"', html)[1]
    assert re.search(r'width="\d+" height="\d+"', html)
    assert reader.get(source)["Content-Type"] == "image/png"


def test_search_leads_to_the_section(reader):
    answer = reader.get("/docs/", {"q": "Sticky routing"}).content.decode()
    assert 'href="/docs/connect-an-agent/#limits"' in answer
    assert "<mark>sticky</mark>" in answer


def test_search_says_when_nothing_is_found_and_escapes_what_was_asked(reader):
    answer = reader.get("/docs/", {"q": "<b>zzzz\0"}).content.decode()
    assert "0 places for “&lt;b&gt;zzzz”" in answer


def test_a_changed_page_is_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr(documents, "FOLDER", tmp_path)
    page = tmp_path / "new.md"
    page.write_text("# One\n\n<script>x</script>\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n")
    first = documents.document("new")
    assert (first.title, "&lt;script&gt;" in first.html, 'class="num"' in first.html) == ("One", True, True)
    page.write_text("# Two\n")
    assert documents.document("new").title == "Two"


@pytest.mark.django_db
def test_reading_needs_a_log_in(client):
    for address in ("/docs/", "/docs/policy/", "/docs/pictures/policy-light.png"):
        assert client.get(address).status_code == 302


def test_the_image_has_the_pages():
    assert "!docs" in (ROOT / ".dockerignore").read_text().splitlines()
