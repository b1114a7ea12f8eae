"""What a verb raises instead of doing its work. Messages are written for the person or agent who reads them."""


class GovernanceError(Exception):
    """Base; the message is safe to show."""


class NotAllowed(GovernanceError):
    """This caller may not do this (403)."""


class LimitExceeded(GovernanceError):
    """An input is too large or too many; the message names the limit and what to do (413 or 429)."""


class InvalidArguments(GovernanceError):
    """The arguments cannot be bound or do not fit the tool's schema (400)."""


class InvalidDefinition(GovernanceError):
    """A tool's definition cannot be pinned: too large, too deep or no JSON. The tool is not offered."""


class Unreadable(GovernanceError):
    """A sealed value that no key opens; the message names the variable to check, never the value."""


class WrongState(GovernanceError):
    """The request is not in a state that allows this move (409)."""


class AlreadyDecided(WrongState):
    """Somebody decided before; says who, what and when (409)."""


class ScorerUnavailable(GovernanceError):
    """No usable score: counts as risk 100, review."""


class DownstreamFailed(GovernanceError):
    """The tool server could not run the call; the message is for the agent."""


class DownstreamUnknown(GovernanceError):
    """The call may or may not have had its effect (time-out, lost connection)."""
