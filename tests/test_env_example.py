"""Every variable stands in .env.example, with a line of meaning, and none that nobody reads."""

import re
from itertools import pairwise
from pathlib import Path

from tests.gateway import clean_env, run_python

ROOT = Path(__file__).resolve().parent.parent
OF_CLIENTS = {"ATLAS_GATEWAY_URL", "ATLAS_AGENT_TOKEN", "ATLAS_REVIEWER_TOKEN"}


def variables() -> set[str]:
    text = (ROOT / "atlas_site" / "settings.py").read_text(encoding="utf-8")
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    return set(re.findall(r'\b(?:env|env_\w+|local_secret|fernet_keys)\(\s*"([A-Z_]+)"', text)) | set(
        re.findall(r"(?<!\$)\$\{([A-Z_]+)", compose)
    )


def test_every_variable_is_in_the_example_and_no_other():
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    listed = {line.partition("=")[0] for line in lines if line and not line.startswith("#")}
    assert listed == variables() | OF_CLIENTS


def test_every_variable_has_a_line_of_meaning():
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    for before, line in pairwise(lines):
        if "=" in line and not line.startswith("#"):
            # several that belong together share the line above the first of them
            assert before.startswith("#") or "=" in before, line


def test_a_copy_of_the_example_starts_the_gateway_as_no_file_does(tmp_path):
    names = ["PRODUCTION", "PUBLIC_URL", "DATABASES", "WORKFLOW_DRIVER", "SCORER", "DEADLINE_SECONDS", "ALLOWED_HOSTS"]
    code = f"from django.conf import settings; print([getattr(settings, name) for name in {names}])"
    example = {}
    for line in (ROOT / ".env.example").read_text(encoding="utf-8").splitlines():
        name, found, value = line.partition("=")
        if found and not line.startswith("#"):
            example[name] = value
    folder = {"ATLAS_DATA_DIR": str(tmp_path)}
    assert run_python(code, clean_env(**{**example, **folder})) == run_python(code, clean_env(**folder))
