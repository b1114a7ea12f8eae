"""Every target gets its turn in every round, alone and with eight callers; compared is what one round measured."""

from dataclasses import dataclass, field

from tests.bench.figures import Figure
from tests.bench.proxy.load import Load, Turn
from tests.bench.proxy.wire import Target

CALLERS = 8
GATEWAYS, PEERS = ("gateway, daphne", "gateway, uvicorn"), ("fastmcp shared", "fastmcp default", "ContextForge")
P50_OF_DIRECT, P50_OF_FASTMCP, P50_OF_FORGE, RATE_OF_DIRECT = 3.5, 0.8, 0.2, 0.5


@dataclass
class Bar(Figure):
    """A promised limit of a measured ratio."""

    limit: float = 1.0
    is_least: bool = False
    is_bar: bool = True

    @property
    def is_missed(self) -> bool:
        return self.ratio < self.limit if self.is_least else self.ratio > self.limit


@dataclass
class Rounds:
    """Name of the target → its turns, one per round: alone, and eight at once."""

    alone: dict[str, list[Turn]] = field(default_factory=dict)
    together: dict[str, list[Turn]] = field(default_factory=dict)

    def figures(self) -> list[Figure]:
        """Ours beside each peer, with the bars; then the peers beside the direct call."""
        ours = [name for name in GATEWAYS if name in self.alone]
        peers = [name for name in PEERS if name in self.alone]
        return [
            *(figure for name in ours for figure in self._ours(name, peers)),
            *(figure for name in peers for figure in self._beside_direct(name)),
        ]

    def _ours(self, name: str, peers: list[str]) -> list[Figure]:
        bars = {"fastmcp shared": P50_OF_FASTMCP, "ContextForge": P50_OF_FORGE}
        found: list[Figure] = [
            self._p50(name, "direct", P50_OF_DIRECT), self._rate(name, "direct", RATE_OF_DIRECT),
        ]
        return found + [self._p50(name, peer, bars.get(peer)) for peer in peers]

    def _beside_direct(self, name: str) -> list[Figure]:
        return [self._p50(name, "direct"), self._rate(name, "direct")]

    def _p50(self, ours: str, theirs: str, limit: float | None = None) -> Figure:
        pairs = zip(self.alone[ours], self.alone[theirs], strict=True)
        return _figure(f"{ours}: p50, 1 at once", theirs, [(one.p50, other.p50) for one, other in pairs], limit)

    def _rate(self, ours: str, theirs: str, limit: float | None = None) -> Figure:
        pairs = zip(self.together[ours], self.together[theirs], strict=True)
        rounds = [(one.per_second, other.per_second) for one, other in pairs]
        return _figure(f"{ours}: calls/s, {CALLERS} at once", theirs, rounds, limit, is_least=True)


def _figure(
    name: str, beside: str, rounds: list[tuple[float, float]], limit: float | None, is_least: bool = False
) -> Figure:
    if limit is None:
        return Figure(name, beside, rounds)
    sign = "≥" if is_least else "≤"
    return Bar(f"{name} ({sign} {limit:g})", beside, rounds, limit=limit, is_least=is_least)


def measure(load: Load, targets: list[Target], rounds: int, seconds: float) -> Rounds:
    """`seconds` is the length of each turn. Nobody is always first, and nobody always follows the same one."""
    found = Rounds({target.name: [] for target in targets}, {target.name: [] for target in targets})
    for number in range(rounds):
        start = number % len(targets)
        for target in [*targets[start:], *targets[:start]]:
            found.alone[target.name].append(load.turn(target, 1, seconds))
            found.together[target.name].append(load.turn(target, CALLERS, seconds))
    return found
