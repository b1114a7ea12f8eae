"""The factories themselves: every status can be reached by the verbs."""

import pytest

from governance.states import Status
from tests.factories import make_request

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("status", [status for status in Status if status != Status.CANCELLED])
def test_a_request_is_made_at_the_asked_status(status: Status) -> None:
    assert make_request(status=status).status == status
