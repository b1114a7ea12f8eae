"""Scores by a deployed Modal function: ProposedCall.payload() goes in, the answer comes out, plain JSON types in CBOR.

Two things the client does not do are imposed here: one timeout over connect, look-up, call and poll; and no reply is
ever unpickled, for that would run code of whoever answers in this process.
"""

import concurrent.futures
import os
import threading
import time
from typing import Any, NoReturn

# Read by the client at its import and at each call; settings, not somebody's ~/.modal.toml, say where to go.
os.environ["MODAL_CONFIG_PATH"] = os.devnull
os.environ["MODAL_PAYLOAD_FORMAT"] = "cbor"
os.environ["MODAL_MAX_THROTTLE_WAIT"] = "2"  # seconds; without it a server's retry policy is followed for ever

import cbor2
import grpclib
import modal
import modal._serialization
import modal._utils.function_utils
from django.conf import settings
from modal.exception import AuthError, InvalidError, NotFoundError

from governance.errors import ScorerUnavailable
from governance.scoring.base import BadAnswer, ProposedCall, Score
from governance.scoring.parsing import parse_answer
from governance.scoring.prompt import PROMPT_VERSION

_PICKLE_SEAMS = (  # every place of this client version where a function's reply is unpickled
    (modal._serialization, "deserialize"),
    (modal._utils.function_utils, "deserialize"),
)


class PickleRefused(modal.exception.Error):
    """A reply came as a pickle."""


def _refuse_pickle(*_: object, **__: object) -> NoReturn:
    raise PickleRefused


def _refuse_pickles() -> None:
    """Raises AttributeError at import when a newer client keeps its unpickling elsewhere: then this is to be redone."""
    for module, name in _PICKLE_SEAMS:
        if not callable(getattr(module, name)):
            raise AttributeError(f"{module.__name__}.{name} is gone")
        setattr(module, name, _refuse_pickle)


_refuse_pickles()


class ModalScorer:
    @property
    def version(self) -> str:
        return f"{PROMPT_VERSION} {settings.MODAL_FUNCTION_NAME}"[:100]

    def check(self) -> str:
        if not settings.MODAL_TOKEN_ID or not settings.MODAL_TOKEN_SECRET:
            return "MODAL_TOKEN_ID and MODAL_TOKEN_SECRET are not set."
        try:
            function_names()
        except ScorerUnavailable as error:
            return str(error)
        return ""

    def score(self, call: ProposedCall) -> Score:
        if reason := self.check():
            raise ScorerUnavailable(reason)
        payload = call.payload()
        return parse_answer(_answer(payload), payload=payload, scorer="modal", version=self.version)


def function_names() -> tuple[str, str]:
    """App and function (or Class.method) of MODAL_FUNCTION_NAME; the client itself splits nothing."""
    app, _, function = settings.MODAL_FUNCTION_NAME.partition("/")
    parts = function.split(".")
    if not app or not all(parts) or len(parts) > 2 or "/" in function:
        raise ScorerUnavailable("MODAL_FUNCTION_NAME must be app/function or app/Class.method.")
    return app, function


def _answer(payload: dict[str, Any]) -> object:
    """What the function returned. Raises ScorerUnavailable for every way in which it did not."""
    timeout = settings.SCORER_TIMEOUT_SECONDS
    deadline = time.monotonic() + timeout
    try:
        client = _client(deadline)
        return _in_time(_function(client).remote(payload, _future=True), deadline)
    except concurrent.futures.TimeoutError:
        raise ScorerUnavailable(f"Modal gave no answer within {timeout:g} s.") from None
    except PickleRefused:
        raise BadAnswer(
            "The function answered with a pickle, which is never opened. Deploy it on an image that speaks CBOR."
        ) from None
    except AuthError:
        raise ScorerUnavailable("Modal refused MODAL_TOKEN_ID and MODAL_TOKEN_SECRET.") from None
    except NotFoundError:
        raise ScorerUnavailable(f"Modal has no function {settings.MODAL_FUNCTION_NAME}.") from None
    except InvalidError:
        raise ScorerUnavailable("Modal cannot take this call for this function.") from None
    except modal.exception.Error as error:
        raise ScorerUnavailable(f"The Modal function failed ({type(error).__name__}).") from None
    except (ConnectionError, OSError, grpclib.GRPCError, grpclib.exceptions.StreamTerminatedError):
        raise ScorerUnavailable("Modal cannot be reached.") from None
    except (ValueError, TypeError, cbor2.CBORError) as error:  # no CBOR, or no real look-up
        raise BadAnswer(f"Modal's reply cannot be read ({type(error).__name__}).") from None


def _in_time(future: concurrent.futures.Future, deadline: float) -> Any:
    try:
        return future.result(timeout=max(deadline - time.monotonic(), 0))
    except concurrent.futures.TimeoutError:
        if not future.done():
            future.cancel()  # else its task stays, and the call may still be sent later
        raise


def _function(client: modal.Client) -> modal.Function:
    """Not looked up yet: the call does that, inside its timeout."""
    app, name = function_names()
    where = {"environment_name": settings.MODAL_ENVIRONMENT or None, "client": client}
    if "." not in name:
        return modal.Function.from_name(app, name, **where)
    cls, _, method = name.partition(".")
    return getattr(modal.Cls.from_name(app, cls, **where)(), method)


_clients: dict[tuple[str, ...], modal.Client] = {}
_clients_lock = threading.Lock()


def _forget_parent() -> None:
    """A forked child has neither its parent's event loop nor its connections."""
    global _clients, _clients_lock
    _clients, _clients_lock = {}, threading.Lock()


os.register_at_fork(after_in_child=_forget_parent)


def _client(deadline: float) -> modal.Client:
    """One client per address and credentials: one per call would cost 13 ms and leak."""
    key = (os.environ.get("MODAL_SERVER_URL", ""), settings.MODAL_TOKEN_ID, settings.MODAL_TOKEN_SECRET,
           settings.MODAL_ENVIRONMENT)
    with _clients_lock:
        if key not in _clients:
            opening = modal.Client.from_credentials(
                settings.MODAL_TOKEN_ID, settings.MODAL_TOKEN_SECRET, _future=True
            )
            _clients[key] = _in_time(opening, deadline)
        return _clients[key]
