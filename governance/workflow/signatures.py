"""The signature of a request to /api/inngest: `t=<unix seconds>&s=<hex hmac-sha256(key, JCS(body) + t)>`.

The SDK checks the hash but no clock, and takes a header without `t`; the freshness check here closes both.
"""

import hashlib
import hmac
import re
import time
from urllib.parse import parse_qs

HEADER = "X-Inngest-Signature"
MAX_AGE_SECONDS = 300

_PREFIX = re.compile(r"^signkey-\w+-")
_UNIX = re.compile(r"^[0-9]{1,12}$")


def sign(canonical_body: bytes, signing_key: str) -> str:
    """The header of a request sent now. The body must be in RFC 8785 form already, or empty."""
    at = str(int(time.time()))
    key = _PREFIX.sub("", signing_key).encode()
    return f"t={at}&s={hmac.new(key, canonical_body + at.encode(), hashlib.sha256).hexdigest()}"


def is_fresh(header: str | None, now: float) -> bool:
    """Whether the signature names a time within five minutes of `now` (unix seconds), in either direction."""
    stamps = parse_qs(header or "").get("t", [])
    return len(stamps) == 1 and bool(_UNIX.match(stamps[0])) and abs(now - int(stamps[0])) <= MAX_AGE_SECONDS
