"""Names beside ids, for the rows of a page: a few queries whatever the number of rows, never the network."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date

from governance.insight import foreseen, ids_in, names_for
from governance.models import GovernanceRequest, ToolServer

MAX_IDS = 1_000  # of one page and one tool server


def attach_names(rows: Iterable[GovernanceRequest]) -> None:
    """Sets `names` (id → name) on each row, and where it is known `until`: until when payments would run after it, or
    `is_refused`: as things stand its tool would refuse it.
    """
    of_server: dict[int, list[GovernanceRequest]] = defaultdict(list)
    for row in rows:
        row.names, row.until, row.is_refused = {}, None, False
        of_server[row.tool.server_id].append(row)
    for found in of_server.values():
        _attach(found[0].tool.server, found)


def _attach(server: ToolServer, rows: list[GovernanceRequest]) -> None:
    ids = [ids_in(server, row.arguments) for row in rows]
    names = names_for(server, sorted(set().union(*ids))[:MAX_IDS])
    for row, own in zip(rows, ids, strict=True):
        row.names = {value: names[value] for value in own if value in names}
    # What was foreseen is true only until the call has run; after that its result says it.
    ahead = [row for row in rows if row.is_waiting]
    for row, end in zip(ahead, foreseen(server, [(row.tool.name, row.arguments) for row in ahead]), strict=True):
        until = end.get("until")
        row.until = until if isinstance(until, date) else None
        row.is_refused = end.get("refused") is True
