"""The policy room needs neither Django nor a network: it can be run, replayed and proved anywhere."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
UNWANTED = ("django", "governance.models", "mcp", "aiohttp", "httpx")


def test_it_imports_nothing_that_reaches_outside():
    code = "import sys, governance.policy; print(' '.join(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert not set(UNWANTED) & set(ran.stdout.split())
