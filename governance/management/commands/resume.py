"""Lets what was halted go on."""

from governance import actions
from governance.management.halts import HaltCommand


class Command(HaltCommand):
    help = "Resumes a halted agent, tool, tool server or team; what was parked waits for its decision again."
    verb = staticmethod(actions.resume)
    done, before = "runs again", "was not halted"
