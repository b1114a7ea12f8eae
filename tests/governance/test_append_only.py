import importlib

import pytest
from django.db import DatabaseError, connection, transaction

from governance.models import Assessment, Decision, EvidenceEntry, Transition
from governance.states import Status
from tests.factories import make_request

pytestmark = pytest.mark.django_db

HISTORY = [Assessment, Decision, EvidenceEntry, Transition]


@pytest.fixture
def triggers():
    """The triggers as the migration makes them (the session's SQLite database goes without those on DELETE)."""
    migration = importlib.import_module("governance.migrations.0002_append_only")
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            for model in HISTORY:
                for statement in migration._sqlite(model._meta.db_table):
                    if "BEFORE DELETE" in statement:
                        cursor.execute(statement)


@pytest.mark.parametrize("model", HISTORY)
def test_the_database_refuses_to_change_or_remove_history(model, triggers):
    make_request(status=Status.SUCCEEDED)
    row = model.objects.first()
    field = next(f for f in model._meta.fields if f.get_internal_type() in ("TextField", "CharField"))
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        model.objects.filter(pk=row.pk).update(**{field.attname: "APPROVED"})
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        model.objects.filter(pk=row.pk)._raw_delete(using="default")
    assert model.objects.filter(pk=row.pk).exists()
