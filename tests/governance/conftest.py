import pytest

from tests.toolservers import Scripted


@pytest.fixture
def scripted(settings):
    """Tool calls reach tests.toolservers.Scripted; its list of calls and its answers start empty."""
    settings.TOOL_SERVERS = {"welfare": "tests.toolservers.Scripted"}
    Scripted.answers.clear()
    Scripted.calls.clear()
    return Scripted
