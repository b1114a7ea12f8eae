"""Announcements after commit: ids and status only. Whoever is told reads the rows themselves.

Three listeners, one sender:
* threads and coroutines of this process that wait for one request (`waiting_for`),
* background loops that have new work (`on_work`), and
* other processes and browsers, over the Channels layer (groups `processes` and `team.<id>`).
"""

import asyncio
import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple
from uuid import UUID

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import transaction

if settings.REDIS_URL:  # importing redis costs a tenth of a second, which an installation without it is spared
    from redis.exceptions import RedisError

    LAYER_ERRORS: tuple[type[Exception], ...] = (OSError, TimeoutError, RedisError)
else:
    LAYER_ERRORS = (OSError, TimeoutError)

log = logging.getLogger(__name__)

ALL_PROCESSES = "processes"
RELAY = "relay"  # the background loops that are woken for new work
EXECUTOR = "executor"
DELIVERIES = "deliveries"


def team_group(team_id: int) -> str:
    return f"team.{team_id}"


_lock = threading.Lock()
_waiters: dict[str, set[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = defaultdict(set)
_work_listeners: dict[str, list[Callable[[], None]]] = defaultdict(list)
_loop: asyncio.AbstractEventLoop | None = None


def use_loop(loop: asyncio.AbstractEventLoop | None) -> None:
    """The server's event loop sends on the Channels layer for every thread of its process."""
    global _loop
    _loop = loop


def on_work(loop: str, wake: Callable[[], None]) -> None:
    """`wake` is called after every commit that left work for the loop of this name. It must return at once."""
    _work_listeners[loop].append(wake)


def forget_work(loop: str, wake: Callable[[], None]) -> None:
    if wake in _work_listeners[loop]:
        _work_listeners[loop].remove(wake)


@contextmanager
def waiting_for(request_id: UUID) -> Iterator[asyncio.Event]:
    """An event that is set whenever this request is announced. For coroutines; clear it before reading the row."""
    entry = (asyncio.get_running_loop(), asyncio.Event())
    with _lock:
        _waiters[str(request_id)].add(entry)
    try:
        yield entry[1]
    finally:
        with _lock:
            _waiters[str(request_id)].discard(entry)
            if not _waiters[str(request_id)]:
                del _waiters[str(request_id)]


def count_waiting() -> int:
    """Calls of this process that are held for an outcome, now."""
    with _lock:
        return sum(len(entries) for entries in _waiters.values())


def wake(request_id: str) -> None:
    """Sets the events of this process that wait for the request. From any thread."""
    with _lock:
        entries = list(_waiters.get(request_id, ()))
    for loop, event in entries:
        if not loop.is_closed():
            loop.call_soon_threadsafe(event.set)


def announce(*, request_id: UUID, reference: str, team_id: int, status: str, moved: bool) -> None:
    """After the commit of the current transaction, tell everybody that this request has this status now.

    `moved` is False when something else about it changed (a claim, a question, its deadline).
    """
    message = _message(request_id, reference, team_id, status, moved)
    transaction.on_commit(lambda: _tell(message), robust=True)


class Change(NamedTuple):
    request_id: UUID
    reference: str
    team_id: int
    status: str


SOON_SECONDS = 0.1
SHOWN_AT_ONCE = 20  # of one team and moment; a page that shows more is told by the newest that something changed
_soon: list[Change] = []
_soon_on: asyncio.AbstractEventLoop | None = None  # which is going to tell them


def announce_soon(changes: list[Change]) -> None:
    """After a commit of many calls: waiters of this process are woken now, everybody else within a tenth of a second.

    From any thread. A page is told of a request's last status only, and of at most SHOWN_AT_ONCE requests.
    """
    global _soon_on
    if _waiters:
        for change in changes:
            wake(str(change.request_id))
    loop = _loop if _loop is not None and _loop.is_running() else None
    with _lock:
        is_due = loop is not _soon_on
        _soon.extend(changes)
        _soon_on = loop
    if loop is None:
        _tell_soon()
    elif is_due:
        loop.call_soon_threadsafe(loop.call_later, SOON_SECONDS, _tell_soon)


def _tell_soon() -> None:
    global _soon_on
    with _lock:
        changes, _soon[:], _soon_on = list(_soon), [], None
    by_team: dict[int, dict[UUID, Change]] = defaultdict(dict)
    for change in changes:
        by_team[change.team_id].pop(change.request_id, None)
        by_team[change.team_id][change.request_id] = change
    for team_id, last in by_team.items():
        _broadcast({"type": "requests.changed", "ids": [str(request_id) for request_id in last], "team": team_id})
        for change in list(last.values())[-SHOWN_AT_ONCE:]:
            _to_groups(_message(*change), team_group(team_id))


def _message(request_id: UUID, reference: str, team_id: int, status: str, moved: bool = True) -> dict:
    return {
        "type": "request.changed", "id": str(request_id), "reference": reference, "status": status, "team": team_id,
        "moved": moved,
    }


def announce_work(loop: str) -> None:
    """After commit, wake this process's background loops of this name."""
    transaction.on_commit(lambda: wake_work(loop), robust=True)


def wake_work(loop: str) -> None:
    """At once, for work that no transaction leaves. From any thread."""
    for listener in list(_work_listeners[loop]):
        listener()


def _tell(message: dict) -> None:
    wake(message["id"])
    _broadcast(message, team_group(message["team"]))


def _broadcast(message: dict, *groups: str) -> None:
    """To the other processes, and to the given groups, without making the committing thread wait for them."""
    _to_groups(message, ALL_PROCESSES, *groups)


def _to_groups(message: dict, *groups: str) -> None:
    if _loop is not None and _loop.is_running():
        asyncio.run_coroutine_threadsafe(_send(message, *groups), _loop)
    elif not _in_a_loop():
        async_to_sync(_send)(message, *groups)


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def _send(message: dict, *groups: str) -> None:
    layer = get_channel_layer()
    try:
        for group in groups:
            await layer.group_send(group, message)
    except LAYER_ERRORS as error:  # the rows are the truth; pages catch up on reload
        log.warning("live announcement of %s not sent: %s", message.get("reference", message["type"]), error)


async def listen(layer: object | None = None) -> None:
    """Passes the announcements of other processes on to this one's waiters. Runs until cancelled."""
    layer = layer or get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(ALL_PROCESSES, channel)
    try:
        while True:
            message = await layer.receive(channel)
            if message["type"] == "token.revoked":
                _tell_revoked(message["token"])
            elif message["type"] == "team.administered":
                _tell_administered(message["team"])
            elif message["type"] == "requests.changed":
                for request_id in message["ids"]:
                    wake(request_id)
            else:
                wake(message["id"])
    finally:
        await layer.group_discard(ALL_PROCESSES, channel)


def announce_administration(team_id: int) -> None:
    """After commit, tell every process that what it remembers of this team is out of date."""
    transaction.on_commit(lambda: _administered(team_id), robust=True)


_administration_listeners: list[Callable[[int], None]] = []


def on_administration(forget: Callable[[int], None]) -> None:
    """`forget` is called with the team's id, from any thread. It must return at once."""
    _administration_listeners.append(forget)


def _administered(team_id: int) -> None:
    _tell_administered(team_id)
    _broadcast({"type": "team.administered", "team": team_id})


def _tell_administered(team_id: int) -> None:
    for forget in list(_administration_listeners):
        forget(team_id)


def announce_token_revoked(token_id: int) -> None:
    """After commit, tell every process to close the streams of this agent token."""
    transaction.on_commit(lambda: _revoked(token_id), robust=True)


_revocation_listeners: list[Callable[[int], None]] = []


def on_token_revoked(close: Callable[[int], None]) -> None:
    """`close` is called with the token's id, from any thread. It must return at once."""
    _revocation_listeners.append(close)


def _revoked(token_id: int) -> None:
    _tell_revoked(token_id)
    _broadcast({"type": "token.revoked", "token": token_id})


def _tell_revoked(token_id: int) -> None:
    for close in list(_revocation_listeners):
        close(token_id)
