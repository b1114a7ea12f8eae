"""How the arguments of a call differ from those that a reviewer sends instead. Pure functions over plain JSON."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from governance.definitions import step

MAX_CHANGES = 200


class _Absent:
    """What stands for a value that is not there; null is a value."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = _Absent()


@dataclass(frozen=True)
class Changed:
    """One place. `path` is a JSON pointer (RFC 6901); `before` or `after` is ABSENT where there is no value."""

    path: str
    before: Any
    after: Any

    @property
    def name(self) -> str:
        """The path as people read it: `address.street`, `items.2`."""
        steps = self.path.split("/")[1:]
        return ".".join(part.replace("~1", "/").replace("~0", "~") for part in steps)

    def as_json(self) -> dict[str, Any]:
        """`{"path": str, "before": value, "after": value}`; an absent side is left out."""
        sides = {"before": self.before, "after": self.after}
        return {"path": self.path, **{side: value for side, value in sides.items() if value is not ABSENT}}


def changes(before: Any, after: Any) -> list[Changed]:
    """Every place that differs, in the order of `before`; at most MAX_CHANGES of them."""
    return list(islice(_walk("", before, after), MAX_CHANGES))


def _walk(path: str, before: Any, after: Any) -> Iterator[Changed]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from _walk(f"{path}/{step(key)}", before.get(key, ABSENT), after.get(key, ABSENT))
    elif isinstance(before, list) and isinstance(after, list):
        for place in range(max(len(before), len(after))):
            yield from _walk(f"{path}/{place}", _item(before, place), _item(after, place))
    elif type(before) is not type(after) or before != after:
        yield Changed(path, before, after)


def _item(values: list[Any], place: int) -> Any:
    return values[place] if place < len(values) else ABSENT
