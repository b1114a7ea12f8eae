"""A rule file that is wrong is refused with every line to change."""

import pytest

from governance.policy import PolicyError, parse
from governance.policy.errors import SHOWN

RULE = "version: 1\nrules:\n  - name: it\n    effect: {effect}\n    {key}: {value}\n"


def message_of(text: str) -> str:
    with pytest.raises(PolicyError) as refused:
        parse(text)
    return str(refused.value)


def in_rule(key: str, value: str, effect: str = "score") -> str:
    return RULE.format(effect=effect, key=key, value=value)


def in_when(when: str) -> str:
    return in_rule("when", when)


def in_arguments(comparison: str) -> str:
    return in_when(f"{{arguments: {{amount: {comparison}}}}}")


FILES = [
    ("", "line 1: the file is empty"),
    ("# nothing\n", "line 1: the file is empty"),
    ("- a", "line 1: a rule file is made of `key: value` lines"),
    ("rules: []", "line 1: a rule file needs `version`"),
    ("version: 1", "line 1: a rule file needs `rules`"),
    ("version: 2\nrules: []", "line 1: write `version: 1`"),
    ("version: true\nrules: []", "line 1: write `version: 1`"),
    ("version: '1'\nrules: []", "line 1: write `version: 1`"),
    ("version: 1\nrule: []", "line 2: a rule file has no key `rule`; did you mean `rules`?"),
    ("version: 1\nrules: {}", "line 2: `rules` is a list"),
    ("version: 1\nrules:", "line 2: `rules` is a list"),
    ("version: 1\nrules: [x]", "line 2: a rule is made of `key: value` lines"),
    ("version: 1\nrules: []\ndefault: allow", "line 3: `default` is score, review or deny, not allow"),
    ("version: 1\nrules: []\ndefault: {}", "line 3: `default` is score, review or deny, not this"),
    ("version: 1\nrules: []\ndefaults: {treshold: 3}",
     "line 3: defaults has no key `treshold`; did you mean `threshold`"),
    ("version: 1\nrules: []\ndefaults: {threshold: 101}", "line 3: `threshold` is a whole number from 1 to 100"),
    ("version: 1\nrules: []\nversion: 1", "line 3: `version` stands twice, in line 1 too"),
    ("version: 1\nrules: [}", "line 2: this is no YAML"),
    ("version: 1\n\trules: []", "line 2: this is no YAML"),
    ("version: 1\nrules: []\n---\nversion: 1", "line 3: a second document"),
    ("version: 1\nrules:\n  - name: a\n    effect: deny\n    when:\n      tool: *del*", "line 6: this is no YAML"),
    ("version: 1\nrules:\n- {name: a, effect: score}\n- {name: a, effect: score}",
     "line 4: a rule called a stands in line 3"),
    ("version: 1\nrules:\n- {effect: score}", "line 3: a rule needs `name`"),
    ("version: 1\nrules:\n- {name: a}", "line 3: a rule needs `effect`: allow, deny, score or review, or `preset`"),
    ("version: 1\nrules:\n- {name: a, effect: alow}",
     "line 3: `effect` is allow, deny, score or review, not alow; did you mean `allow`?"),
    ("version: 1\nrules:\n- {name: a, preset: stepup}",
     "line 3: `preset` is step-up, not stepup; did you mean `step-up`?"),
    ("version: 1\nrules:\n- {name: a, preset: step-up, effect: allow}", "line 3: write `effect` or `preset`, not both"),
    ("version: 1\nrules:\n- {name: a, preset: step-up, threshold: 3}",
     "line 3: `threshold` means nothing in a rule with effect review"),
    ("version: 1\nrules:\n- {name: a, effect: allow}", "line 3: a rule that allows says what"),
    ("version: 1\nrules:\n- {name: default, effect: score}", "line 3: `default` names what no rule matches"),
]  # fmt: skip
RULES = [
    (in_rule("nmae", "x"), "a rule has no key `nmae`; did you mean `name`?"),
    (in_rule("message", "x"), "`message` means nothing in a rule with effect score, only with deny; remove it"),
    (in_rule("threshold", "5", "review"), "`threshold` means nothing in a rule with effect review, only with score"),
    (in_rule("deadline", "5m", "deny"),
     "`deadline` means nothing in a rule with effect deny, only with score or review"),
    (in_rule("message", "''", "deny"), "`message` needs a text"),
    (in_rule("message", "", "deny"), "`message` needs a text"),
    (in_rule("message", "[a]", "deny"), "`message` needs a text"),
    (in_rule("message", "x" * 501, "deny"), "`message` has up to 500 characters"),
    *((in_rule("threshold", value), "`threshold` is a whole number from 1 to 100") for value in
      ("0", "101", "-1", "7.5", "'70'", "true", "high", "", "[70]")),
    *((in_rule("deadline", value), "`deadline` is a number with s, m, h or d") for value in
      ("0s", "90", "2 m", "2min", "-2m", "1.5h", "366d", "9999999999d", "", "[2m]", "٣m")),
    (in_rule("when", ""), "when is made of `key: value` lines"),
    (in_rule("when", "{}"), "`when` is empty"),
    (in_when("{tols: a}"), "when has no key `tols`; did you mean `tool`?"),
    (in_when("{tool: []}"), "`tool` takes a glob or a list of 1 to 100"),
    (in_when("{tool: {a: b}}"), "`tool` needs a text"),
    (in_when("{tool: ''}"), "`tool` needs a text"),
    (in_when("{tool: null}"), "`tool` needs a text"),
    (in_when("{server: [a, '']}"), "`server` needs a text"),
    (in_when("{agent: '[ab]*'}"), "[ab]* is no glob"),
    (in_when("{tool: 'a{b'}"), "a{b is no glob: write {a,b}"),
    (in_when("{tool: 'a{b,{c}}'}"), "write {a,b}, closed and not one inside another"),
    (in_when("{tool: 'a}'}"), "there is a } without its {"),
    (in_when(f"{{tool: {'a' * 201}}}"), "`tool` has up to 200 characters"),
    (in_when("{annotations: {}}"), "`annotations` is made of entries such as {readOnlyHint: true}"),
    (in_when("{annotations: {readonlyHint: true}}"),
     "no annotation is called `readonlyHint`; did you mean `readOnlyHint`?"),
    (in_when("{annotations: {destructive_hint: true}}"), "did you mean `destructiveHint`?"),
    (in_when("{annotations: {readOnlyHint: yes}}"), "`readOnlyHint` is true or false"),
    (in_when("{annotations: {title: null}}"), "a value to compare with is a text, a number, true or false"),
    (in_when("{arguments: []}"), "`arguments` is made of entries such as {amount: {more: 1000}}"),
    (in_when("{arguments: {'items[0]': {equals: 1}}}"), "items[0] is no path"),
    (in_when("{arguments: {'a..b': {equals: 1}}}"), "a..b is no path"),
    (in_when("{arguments: {'[*]': {equals: 1}}}"), "[*] is no path"),
    (in_when("{arguments: {a.b.c.d.e.f.g.h.i.j.k: {equals: 1}}}"), "a path has up to 200 characters and 10 steps"),
    (in_arguments("5"), "write a comparison"),
    (in_arguments("{}"), "write a comparison"),
    (in_arguments("{mor: 5}"), "a comparison has no key `mor`; did you mean `more`?"),
    (in_arguments("{more: '5'}"), "`more` compares with a number"),
    (in_arguments("{less: true}"), "`less` compares with a number"),
    (in_arguments("{less: [5]}"), "`less` compares with a number"),
    *((in_arguments(f"{{more: {value}}}"), "may be read as different numbers") for value in
      ("010", "1_000", "0x10", "0o7", ".inf", "-.Inf", ".nan", "1e999", "1" * 31, "00.5", "5.")),
    (in_arguments("{equals: 007}"), "007 may be read as different numbers; put it in quotes if it is a text"),
    (in_arguments("{equals: null}"), "a value to compare with is a text, a number, true or false"),
    (in_arguments("{equals: [a]}"), "a value to compare with is a text, a number, true or false"),
    (in_arguments(f"{{equals: {'a' * 1001}}}"), "a value to compare with has up to 1000 characters"),
    (in_arguments("{in: EUR}"), "`in` takes a list of 1 to 100 values"),
    (in_arguments("{in: []}"), "`in` takes a list of 1 to 100 values"),
    (in_arguments("{in: [EUR, {}]}"), "a value to compare with is a text, a number, true or false"),
    (in_arguments("{matches: '('}"), "the expression ( cannot be used: unclosed group"),
    (in_arguments("{matches: '(?=a)'}"), "look-around, including look-ahead and look-behind, is not supported"),
    (in_arguments(r"{matches: '(a)\1'}"), "backreferences are not supported"),
    (in_arguments("{matches: 'x{1000}{1000}'}"), "exceeds size limit"),
    (in_arguments(f"{{matches: {'a' * 201}}}"), "`matches` has up to 200 characters"),
    (in_arguments("{matches: [a]}"), "`matches` needs a text"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), FILES)
def test_a_file_that_is_wrong_is_refused_with_the_line(text, message):
    assert message in message_of(text)


@pytest.mark.parametrize(("text", "message"), RULES)
def test_a_rule_that_is_wrong_is_refused_with_its_line(text, message):
    line = message_of(text)
    assert line.startswith("line 5: ")
    assert message in line


@pytest.mark.parametrize("name", ["Pay", "a_b", "ä", "a" * 61, "'a b'", "''", '"a\\n"', "[a]"])
def test_a_rules_name_is_checked(name):
    assert message_of(f"version: 1\nrules:\n- name: {name}\n  effect: score").startswith("line 3: ")


def test_a_rules_name_may_look_like_a_number():
    assert parse("version: 1\nrules:\n- {name: 007, effect: score}").rules[0].name == "007"


def test_all_that_is_wrong_is_said_at_once_in_the_files_order():
    lines = message_of(
        "version: 1\n"
        "rules:\n"
        "  - name: Loud\n"
        "    effect: deny\n"
        "    message: ''\n"
        "  - name: next\n"
        "    effekt: deny\n"
        "    when: {tool: '[a]', arguments: {amount: {more: x}}}\n"
    ).splitlines()
    assert [line.split(":")[0] for line in lines] == ["line 3", "line 5", "line 6", "line 7", "line 8", "line 8"]


def test_a_message_names_so_many_problems_and_counts_the_rest():
    rules = "".join(f"- {{name: r{number}, effect: no}}\n" for number in range(SHOWN + 5))
    lines = message_of(f"version: 1\nrules:\n{rules}").splitlines()
    assert len(lines) == SHOWN + 1
    assert lines[-1] == "and 5 more"


def test_two_hundred_rules_are_read_and_no_more():
    rules = [f"- {{name: r{number}, effect: score}}\n" for number in range(201)]
    assert len(parse(f"version: 1\nrules:\n{''.join(rules[:200])}").rules) == 200
    assert message_of(f"version: 1\nrules:\n{''.join(rules)}") == "line 203: more than 200 rules; put some together"


def test_fifty_expressions_are_read_and_no_more():
    rules = [f"- {{name: r{n}, effect: score, when: {{arguments: {{a: {{matches: x{n}}}}}}}}}\n" for n in range(51)]
    assert len(parse(f"version: 1\nrules:\n{''.join(rules[:50])}").rules) == 50
    assert message_of(f"version: 1\nrules:\n{''.join(rules)}").startswith("line 53: more than 50 expressions")
