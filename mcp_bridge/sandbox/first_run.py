"""The sandbox folder before anybody wrote to it: made, with something to read in it."""

import os
import sys
from pathlib import Path

from mcp_bridge.sandbox import Refused, files
from mcp_bridge.sandbox.paths import Folder

STARTERS = {
    "README.txt": """\
This is the sandbox of the ATLAS demo.

An agent can list and read what is in this folder. What it wants to write, a person sees first: the exact path and the
exact text. Nothing outside this folder can be reached.

Things to ask the agent for:
  - "What is on the shopping list?"              it reads notes/groceries.txt, at once
  - "Add oat milk to the shopping list."         it asks to write; you approve or reject in the console
  - "Read /etc/passwd."                          refused, with the reason

You may put files of your own here. Links are never followed.
""",
    "notes/groceries.txt": """\
bread
milk
apples
coffee
""",
    "notes/meeting.md": """\
# Weekly meeting

* Ada: the payment run is ready, the extension for BEN-123 is still open
* Ben: numbers for the report are due on Friday
* Next: decide who may approve what
""",
}


def open_folder(path: Path) -> Folder:
    """Makes the folder on the first start; an empty one is filled. Raises Refused for one that is no good sandbox."""
    path = Path(os.path.realpath(os.path.expanduser(path)))
    for held in (Path(__file__).resolve(), Path(sys.prefix).resolve(), Path(os.path.expanduser("~"))):
        if held.is_relative_to(path):
            raise Refused(f"{path} cannot be the sandbox: {held} stands in it. Name a folder of its own.")
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = Folder(path)
        if not os.listdir(path):
            for name, text in STARTERS.items():
                files.write(folder, name, text)
    except OSError as error:
        raise Refused(f"{path} cannot be the sandbox: {error.strerror}.") from error
    return folder
