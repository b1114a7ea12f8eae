"""What the queue is narrowed by stands on the request, so that no page joins the assessments and questions."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('governance', '0008_decisions_append_only_once_more'),
    ]

    operations = [
        migrations.AddField(
            model_name='governancerequest',
            name='asked',
            field=models.CharField(blank=True, choices=[('open', 'Waiting for the agent'), ('answered', 'Answered')], editable=False, max_length=8),
        ),
        migrations.AddField(
            model_name='governancerequest',
            name='band',
            field=models.CharField(blank=True, editable=False, help_text='high, medium or low as the scorer classified it; none without a usable score; empty before.', max_length=6),
        ),
        migrations.AddIndex(
            model_name='governancerequest',
            index=models.Index(condition=models.Q(('status', 'in_review')), fields=['team', 'band', '-risk_score', 'deadline', 'id'], name='queue_by_band'),
        ),
        migrations.AddIndex(
            model_name='governancerequest',
            index=models.Index(condition=models.Q(('status', 'in_review')), fields=['team', 'policy_rule', '-risk_score', 'deadline', 'id'], name='queue_by_rule'),
        ),
        migrations.AddIndex(
            model_name='governancerequest',
            index=models.Index(condition=models.Q(('asked', 'answered'), ('status', 'in_review')), fields=['team', 'deadline', 'id'], name='queue_answered'),
        ),
    ]
