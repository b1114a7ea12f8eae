"""The database itself refuses to change or remove evidence, decisions, assessments and history."""

from django.db import migrations

UNCHANGEABLE = ["evidenceentry", "decision", "assessment", "transition"]


def _sqlite(table: str) -> list[str]:
    return [
        f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for verb in ("UPDATE", "DELETE")
    ]


def _postgresql(table: str) -> list[str]:
    return [
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION atlas_refuse_change()"
    ]


def protect(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    if vendor == "postgresql":
        schema_editor.execute(
            "CREATE OR REPLACE FUNCTION atlas_refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$",
            params=None,
        )
    for model in UNCHANGEABLE:
        table = f"governance_{model}"
        for statement in _postgresql(table) if vendor == "postgresql" else _sqlite(table):
            schema_editor.execute(statement)


def unprotect(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    for model in UNCHANGEABLE:
        table = f"governance_{model}"
        if vendor == "postgresql":
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {table}_append_only ON {table}")
        else:
            for verb in ("update", "delete"):
                schema_editor.execute(f"DROP TRIGGER IF EXISTS {table}_no_{verb}")
    if vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION IF EXISTS atlas_refuse_change()")


class Migration(migrations.Migration):
    dependencies = [("governance", "0001_initial")]
    operations = [migrations.RunPython(protect, unprotect)]
