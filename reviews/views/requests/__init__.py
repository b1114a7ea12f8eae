"""One request: its page and what a reviewer does there, one file per verb."""

from reviews.views.requests.ask import ask
from reviews.views.requests.claim import claim, hand_over, release
from reviews.views.requests.decide import decide, undo
from reviews.views.requests.edit import edit
from reviews.views.requests.extend import extend
from reviews.views.requests.page import request_page, request_pane, request_state

__all__ = [
    "ask", "claim", "decide", "edit", "extend", "hand_over", "release", "request_page", "request_pane",
    "request_state", "undo",
]
