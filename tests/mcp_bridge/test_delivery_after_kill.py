"""kill -9 between sending and marking: the delivery comes again, under the same id."""

from tests.gateway import start_gateway
from tests.receivers import receiver
from tests.waiting import wait_for

SET = """
from governance import actions
from governance.models import Agent
print(actions.set_agent_webhook(Agent.objects.get(), {url!r}))
"""
CANCEL = """
from governance import actions
from governance.states import Status
from tests.factories import make_request
request = make_request(status=Status.RECEIVED)
actions.cancel(request, agent=request.agent)
"""
LAPSE = """
from django.utils import timezone
from governance.actions.deliveries import pending_deliveries
print(pending_deliveries().update(not_before=timezone.now()))
"""
LOOK = """
from governance.models import WebhookDelivery
print([(str(row.pk), row.attempts, row.delivered_at is not None) for row in WebhookDelivery.objects.all()])
"""


def test_a_delivery_that_was_sent_and_not_marked_is_sent_again(tmp_path):
    gateway = start_gateway(tmp_path, env={"ATLAS_WEBHOOKS_ALLOW_PRIVATE": "1"})
    try:
        with receiver() as hook:
            hook.answer = lambda received, handler: gateway.kill() if len(hook.received) == 1 else 200
            secret = gateway.python(SET.format(url=hook.url)).strip()
            gateway.python(CANCEL)
            first = hook.wait(1)[0]
            wait_for(lambda: gateway.process.poll() is not None, "the end of the killed process")
            assert gateway.python(LOOK).strip() == str([(first.id, 1, False)])
            assert gateway.python(LAPSE).strip() == "1"
            gateway.start()
            second = hook.wait(2)[1]
            assert second.id == first.id
            assert second.verified(secret) == first.verified(secret)
            wait_for(lambda: gateway.python(LOOK).strip() == str([(first.id, 2, True)]), "the mark")
    finally:
        gateway.close()
