"""What an agent reads of a request in each of its states."""

from datetime import timedelta

import pytest
from django.utils import timezone

from governance.models import Execution, GovernanceRequest
from governance.states import OPEN, Status
from mcp_bridge import present
from tests.factories import make_request

pytestmark = pytest.mark.django_db

RESULT = {
    "content": [{"type": "text", "text": "Done."}, {"type": "image", "data": "aGk=", "mimeType": "image/png"}],
    "structuredContent": {"days": 30, "note": None, "nested": {"list": [None, 1.5]}},
    "isError": False,
}


def test_the_tools_result_is_passed_on_as_it_was_stored() -> None:
    request = make_request(status=Status.SUCCEEDED, result=RESULT)
    answer = present.outcome(request.pk).model_dump(by_alias=True, mode="json", exclude_none=True)
    assert {name: answer[name] for name in RESULT} == RESULT
    assert answer["_meta"]["atlas/reference"] == request.reference


@pytest.mark.parametrize("status", sorted(OPEN))
def test_an_open_request_is_pending_review(status: Status) -> None:
    request = make_request(status=status)
    assert present.outcome(request.pk) is None
    answer = present.answer(request.pk)
    assert [block.text for block in answer.content] == [
        f"PENDING REVIEW (Ref: {request.reference}). Action queued subject to governance checks."
    ]
    assert answer.structured_content["status"] == status
    assert answer.structured_content["review_url"].endswith(request.get_absolute_url())


@pytest.mark.parametrize("status", [Status.RECEIVED, Status.SCORING, Status.IN_REVIEW, Status.APPROVED])
def test_an_overdue_request_is_expired_before_the_sweeper_comes(status: Status) -> None:
    request = make_request(status=status)
    GovernanceRequest.objects.filter(pk=request.pk).update(deadline=timezone.now() - timedelta(seconds=1))
    answer = present.answer(request.pk)
    assert answer.is_error
    assert answer.content[0].text.startswith(f"EXPIRED (Ref: {request.reference}).")


@pytest.mark.parametrize(
    ("status", "error", "begins"),
    [
        (Status.FAILED, "The tool was disabled.", "FAILED"),
        (Status.OUTCOME_UNKNOWN, "The connection broke.", "OUTCOME UNKNOWN"),
    ],
)
def test_an_end_without_a_result_says_why(status: Status, error: str, begins: str) -> None:
    request = make_request(status=status, error=error)
    Execution.objects.filter(request=request).update(result=None, error=error)
    answer = present.outcome(request.pk)
    assert answer.is_error
    assert answer.content[0].text.startswith(f"{begins} (Ref: {request.reference}).")
    assert error in answer.content[0].text
