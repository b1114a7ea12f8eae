"""Tools that were in use before definitions had digests keep working: what they look like now counts as accepted."""

from django.db import migrations
from django.utils import timezone

from governance.definitions import digest_of


def pin(apps, schema_editor):
    Tool = apps.get_model("governance", "Tool")
    ToolVersion = apps.get_model("governance", "ToolVersion")
    now = timezone.now()
    for tool in Tool.objects.filter(digest=""):
        body = {
            "name": tool.name, "title": tool.title, "description": tool.description,
            "inputSchema": tool.input_schema, "annotations": tool.annotations,
        }
        body = {name: value for name, value in body.items() if value or name in ("name", "inputSchema")}
        tool.digest = tool.offered_digest = digest_of(body)
        tool.save(update_fields=["digest", "offered_digest"])
        ToolVersion.objects.create(
            tool=tool, digest=tool.digest, definition=body, seen_at=now, verdict="accepted", decided_at=now,
            reason="In use before definitions were pinned.",
        )
        # A request that is under way is for this definition.
        tool.requests.filter(
            status__in=["received", "scoring", "in_review", "approved", "executing"], tool_digest=""
        ).update(tool_digest=tool.digest)


class Migration(migrations.Migration):
    dependencies = [("governance", "0005_decisions_append_only_again")]
    operations = [migrations.RunPython(pin, migrations.RunPython.noop)]
