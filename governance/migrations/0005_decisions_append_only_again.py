"""SQLite changes a table by making it anew, which loses its triggers: those of the decisions are put back."""

from django.db import migrations

TABLE = "governance_decision"


def protect(apps, schema_editor):
    if schema_editor.connection.vendor != "sqlite":
        return
    for verb in ("UPDATE", "DELETE"):
        schema_editor.execute(
            f"CREATE TRIGGER IF NOT EXISTS {TABLE}_no_{verb.lower()} BEFORE {verb} ON {TABLE} "
            f"BEGIN SELECT RAISE(ABORT, '{TABLE} is append-only'); END"
        )


class Migration(migrations.Migration):
    dependencies = [("governance", "0004_tool_servers_policies_and_halts")]
    operations = [migrations.RunPython(protect, migrations.RunPython.noop)]
