"""Bands and questions of what waits, from the assessments and questions."""

from django.db import migrations


def fill(apps, schema_editor):
    """What waits now; what has ended needs none of it."""
    Request = apps.get_model("governance", "GovernanceRequest")
    waiting = Request.objects.filter(status="in_review")
    Assessment = apps.get_model("governance", "Assessment")
    scores = Assessment.objects.filter(request__status="in_review")
    for classification, band in (("HIGH_RISK", "high"), ("MEDIUM_RISK", "medium"), ("LOW_RISK", "low")):
        scored = scores.filter(classification=classification, failure="").values("request_id")
        waiting.filter(pk__in=scored).update(band=band)
    waiting.filter(band="").update(band="none")
    Question = apps.get_model("governance", "Question")
    waiting.filter(pk__in=Question.objects.values("request_id")).update(asked="answered")
    waiting.filter(pk__in=Question.objects.filter(answered_at=None).values("request_id")).update(asked="open")


class Migration(migrations.Migration):
    dependencies = [("governance", "0009_bands_and_questions_of_what_waits")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
