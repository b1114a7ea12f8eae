"""Saved views: a name for the filters of the queue or the history, everybody's own."""

import pytest
from django.test import Client

from reviews import saved
from reviews.models import SavedView
from tests.factories import make_request, make_reviewer

pytestmark = pytest.mark.django_db


def save(client: Client, name: str = "Quick", query: str = "band=low", page: str = "queue") -> object:
    return client.post("/saved-views/", {"page": page, "name": name, "query": query}, follow=True)


def tabs(client: Client, page: str = "/queue/") -> list[tuple[str, str, bool]]:
    return [(tab.label, tab.count, tab.is_current) for tab in client.get(page).context["tabs"]]


def test_filters_become_a_tab_with_its_count(as_sarah: Client) -> None:
    make_request(risk=90)
    assert save(as_sarah, "Loud", "sort=age&band=high").redirect_chain[-1][0] == "/queue/?band=high&sort=age"
    assert tabs(as_sarah, "/queue/?sort=age&band=high&after=") == [("All", "1", False), ("Loud", "1", True)]


def test_it_keeps_filters_only(as_sarah: Client) -> None:
    save(as_sarah, query="band=low&after=abc&evil=1&agent=x&next=//elsewhere")
    assert SavedView.objects.get().query == "band=low"


def test_the_history_has_its_own(as_sarah: Client) -> None:
    save(as_sarah, "Refused", "status=failed&status=denied&q=rent&page=3", page="history")
    assert SavedView.objects.get().query == "q=rent&status=denied&status=failed"
    assert [tab[0] for tab in tabs(as_sarah, "/history/")] == ["All", "Refused"]
    assert [tab[0] for tab in tabs(as_sarah)] == ["All"]


def test_the_same_name_takes_the_new_filters(as_sarah: Client) -> None:
    save(as_sarah)
    save(as_sarah, query="band=high")
    assert SavedView.objects.get().query == "band=high"


@pytest.mark.parametrize(("name", "query", "said"), [
    ("", "band=low", "Give it a name"), ("x" * 61, "band=low", "Give it a name"), ("a\x00b", "band=low", "Give it a"),
    ("All of it", "", "Choose a filter"),
])  # fmt: skip
def test_what_cannot_be_saved_is_said(as_sarah: Client, name: str, query: str, said: str) -> None:
    assert said in save(as_sarah, name, query).content.decode()
    assert not SavedView.objects.exists()


def test_a_person_has_a_limited_number(as_sarah: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved, "MAX_VIEWS", 2)
    for name in "abc":
        answer = save(as_sarah, name)
    assert "You have 2 views." in answer.content.decode()
    assert SavedView.objects.count() == 2


def test_it_is_renamed_and_deleted(as_sarah: Client) -> None:
    save(as_sarah)
    address = f"/saved-views/{SavedView.objects.get().pk}/"
    as_sarah.post(address, {"name": "Slow"})
    assert SavedView.objects.get().name == "Slow"
    as_sarah.post(address, {"name": "", "delete": ""})
    assert not SavedView.objects.exists()


def test_two_views_do_not_share_a_name(as_sarah: Client) -> None:
    save(as_sarah, "One")
    save(as_sarah, "Two", "band=high")
    answer = as_sarah.post(f"/saved-views/{SavedView.objects.get(name='Two').pk}/", {"name": "One"}, follow=True)
    assert "You have a view of this name already." in answer.content.decode()


def test_nobody_touches_somebody_elses(as_sarah: Client) -> None:
    view = SavedView.objects.create(user=make_reviewer("mona"), page="queue", name="Hers", query="band=low")
    assert as_sarah.post(f"/saved-views/{view.pk}/", {"delete": ""}).status_code == 404
    assert "Hers" not in as_sarah.get("/queue/").content.decode()
