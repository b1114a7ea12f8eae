"""Why a rule file cannot be used, line by line."""

from collections.abc import Iterable
from dataclasses import dataclass

from governance.errors import GovernanceError

SHOWN = 20  # problems in one message


@dataclass(frozen=True, order=True)
class Problem:
    """One thing to change. Lines count from 1."""

    line: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"


class PolicyError(GovernanceError):
    """The file is no policy; the message has one line per problem, `problems` has them all, in the file's order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        lines = [str(problem) for problem in self.problems[:SHOWN]]
        if len(self.problems) > SHOWN:
            lines.append(f"and {len(self.problems) - SHOWN} more")
        super().__init__("\n".join(lines))
