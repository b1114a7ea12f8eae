"""The rule files in docs/policy.md are real ones."""

import re
from pathlib import Path

import pytest

from governance.policy import evaluate, parse
from tests.governance.policy.calls import a_call

PAGE = (Path(__file__).parents[3] / "docs" / "policy.md").read_text()
FILES = re.findall(r"```yaml\n(version: .*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.parametrize("text", FILES)
def test_every_rule_file_on_the_page_is_read(text):
    assert parse(text).rules


def test_the_complete_example_does_what_the_page_says():
    policy = parse(FILES[0])
    sandbox = {"server": "sandbox", "tool": "fs_read", "exposed_name": "sandbox__fs_read"}
    asked = [
        a_call(**sandbox, annotations={"readOnlyHint": True}, arguments={}),
        a_call(**sandbox, arguments={}),
        a_call(tool="delete_all", exposed_name="crm__delete_all"),
        a_call(arguments={"amount": 5000, "currency": "EUR", "iban": "DE89"}),
        a_call(arguments={"amount": "5000", "currency": "EUR", "iban": "DE89"}),
        a_call(arguments={"amount": 5, "currency": "EUR", "iban": "DE89"}),
        a_call(tool="send_mail", exposed_name="mail__send_mail", arguments={"to": ["a@example.org", "b@else.org"]}),
    ]
    assert [evaluate(policy, call).rule for call in asked] == [
        "reads-go-through", "sandbox-carefully", "no-deletes", "large-payments", "large-payments",
        "default", "mail-outside",
    ]  # fmt: skip
