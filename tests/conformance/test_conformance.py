"""The MCP conformance suite through the gateway, in front of a server that offers all it calls.

`expected-failures-*.yml` name every check that does not pass, each with the reason; they are in the suite's own format
for its option --expected-failures. A check that passes although it is named fails this test too.
"""

from pathlib import Path

from tests.conformance import suite
from tests.conformance.reviewer import approving
from tests.gateway import Gateway
from tests.peers.installed import needs_npm

HERE = Path(__file__).parent


@needs_npm
def test_the_gateway_passes_the_suite_but_for_what_is_explained(
    revision: str, address: str, gateway: Gateway, tmp_path: Path
) -> None:
    with approving(gateway):
        found = suite.run(address, revision, tmp_path)
    failing, skipped = suite.expected(HERE / f"expected-failures-{revision}.yml")
    surprises = [f"{check}: {why}" for check, why in found.failed.items() if check not in failing]
    assert not surprises, "\n".join(surprises)
    assert found.failed.keys() == failing, "what is missing on the left passes by now: take it out of the file"
    assert found.skipped.keys() == skipped
    assert found.passed > 0
