"""SQLite changes a table by making it anew, which loses its triggers: those of the decisions are put back."""

from importlib import import_module

from django.db import migrations

protect = import_module("governance.migrations.0005_decisions_append_only_again").protect


class Migration(migrations.Migration):
    dependencies = [("governance", "0007_claims_edits_and_questions")]
    operations = [migrations.RunPython(protect, migrations.RunPython.noop)]
