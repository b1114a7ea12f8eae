"""What the welfare server says when its database fails, and when two calls meet."""

import threading

import pytest
from django.db import IntegrityError, OperationalError, connection

from governance import actions
from governance.errors import DownstreamFailed, DownstreamUnknown
from governance.models import Team
from governance.toolservers import backend_of
from mcp_bridge.models import Beneficiary, Extension, RecordChange

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def welfare():
    return backend_of(actions.install_builtin_tools(Team.objects.default()))


EXTENSION = ("request_extension", {"beneficiary_id": "BEN-123", "reason": "x", "days": 5})


def test_the_register_survives_the_flush_between_tests():
    assert Beneficiary.objects.filter(reference="BEN-123").exists()


def break_table(model) -> None:
    with connection.schema_editor() as editor:
        editor.alter_db_table(model, model._meta.db_table, "moved_away")


def mend_table(model) -> None:
    with connection.schema_editor() as editor:
        editor.alter_db_table(model, "moved_away", model._meta.db_table)


def test_an_error_in_the_middle_of_a_write_certainly_changed_nothing(welfare):
    """The entitlement is already moved when the history row cannot be written."""
    before = Beneficiary.objects.get(reference="BEN-123").entitled_until
    break_table(Extension)
    try:
        with pytest.raises(DownstreamFailed, match="Nothing was changed"):
            welfare.call(*EXTENSION)
    finally:
        mend_table(Extension)
    assert Beneficiary.objects.get(reference="BEN-123").entitled_until == before


def test_an_error_of_a_read_had_no_effect(welfare):
    break_table(Extension)
    try:
        with pytest.raises(DownstreamFailed):
            welfare.call("check_payment_status", {"beneficiary_id": "BEN-123"})
    finally:
        mend_table(Extension)


def test_a_connection_lost_during_the_commit_leaves_the_outcome_unknown(welfare, monkeypatch):
    def commit() -> None:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(connection, "_commit", commit)
    with pytest.raises(DownstreamUnknown, match="A person must look"):
        welfare.call(*EXTENSION)


def test_a_constraint_refused_at_the_commit_certainly_changed_nothing(welfare, monkeypatch):
    def commit() -> None:
        raise IntegrityError("deferred constraint")

    monkeypatch.setattr(connection, "_commit", commit)
    with pytest.raises(DownstreamFailed):
        welfare.call(*EXTENSION)


def test_extensions_at_the_same_time_all_count(welfare):
    before = Beneficiary.objects.get(reference="BEN-123").entitled_until
    together, results = threading.Barrier(4, timeout=30), []

    def extend() -> None:
        try:
            together.wait()
            results.append(welfare.call(*EXTENSION).is_error)
        finally:
            connection.close()

    threads = [threading.Thread(target=extend) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results == [False] * 4
    assert (Beneficiary.objects.get(reference="BEN-123").entitled_until - before).days == 20
    assert sorted(row.until_after for row in Extension.objects.all()) == sorted(
        {row.until_after for row in Extension.objects.all()}
    )


def test_changes_at_the_same_time_form_one_chain_of_before_and_after(welfare):
    together = threading.Barrier(3, timeout=30)

    def change(phone: str) -> None:
        try:
            together.wait()
            welfare.call("modify_welfare_record", {"beneficiary_id": "BEN-123", "field": "phone", "new_value": phone})
        finally:
            connection.close()

    threads = [threading.Thread(target=change, args=(f"+1555010000{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    changes = list(RecordChange.objects.order_by("id"))
    assert [change.before for change in changes[1:]] == [change.after for change in changes[:-1]]
    assert Beneficiary.objects.get(reference="BEN-123").phone == changes[-1].after
