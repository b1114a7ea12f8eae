"""The built-in scorer: explainable rules over verb, subject, arguments, and the arguments against the request.

Nothing is learned and nothing is sent anywhere. Every point of the score stands in the contributions. What a tool says
of itself (name, description, hints) is believed only as far as its arguments agree.
"""

import re
from functools import lru_cache

from governance.scoring.base import PAUSE_FROM, Contribution, ProposedCall, Score
from governance.scoring.facts import Facts, facts_of, name_words, text_words
from governance.scoring.lexicon import (
    AMOUNT_KEYS,
    BASE_POINTS,
    CAPTION_KEYS,
    CAPTIONS,
    COMMAND_KEYS,
    COMMAND_SEPARATOR,
    COMMANDS,
    HTTP_VERBS,
    KIND_OF,
    LINK_TAG,
    MAKING_KINDS,
    MONEY_NOUNS,
    NOUN_VERBS,
    READ_COMMAND,
    READING_LAST_WORDS,
    RECIPIENT_KEYS,
    SILENCED_OUTPUT,
    SUBJECTS,
    SUBJECTS_OF,
    SUBMIT_TAG,
    TEXTS,
    UNKNOWN,
    Kind,
    Subject,
)

_MEDIUM_FROM = 40
_JOINERS = frozenset({"and", "or", "then"})
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+|(?<!\w)@\w{2,40}|\b[A-Z]{2}\d{2}[A-Z0-9]{11,30}\b")
_FIRST_SENTENCE = re.compile(r"[.\n]")
_MAX_RECIPIENTS = 50


class EmbeddedScorer:
    version = "rules-1"

    def score(self, call: ProposedCall) -> Score:
        parts = _contributions(call)
        total = sum(part.points for part in parts)
        bounded = min(max(total, 0), 100)
        if bounded != total:
            parts.append(Contribution("bounds", "kept within 0 and 100", bounded - total))
        return Score(
            risk_score=bounded, classification=_classification(bounded),
            action="PAUSE" if bounded >= PAUSE_FROM else "ALLOW", rationale=_rationale(bounded, parts),
            contributions=tuple(parts), scorer="embedded", version=self.version,
        )


def _classification(score: int) -> str:
    return "HIGH_RISK" if score >= PAUSE_FROM else "MEDIUM_RISK" if score >= _MEDIUM_FROM else "LOW_RISK"


def _rationale(score: int, parts: list[Contribution]) -> str:
    """One sentence of the three heaviest reasons."""
    reasons = sorted(
        (part for part in parts if part.feature not in ("base", "bounds")), key=lambda part: -abs(part.points)
    )[:3]
    named = "; ".join(f"{part.label} ({part.points:+d})" for part in reasons)
    return f"Rules give {score} of 100" + (f": {named}." if named else ".")


def _contributions(call: ProposedCall) -> list[Contribution]:
    facts = facts_of(call)
    commands = _command_parts(facts)
    kind, label = _kind_of(call, facts, commands)
    parts = [Contribution("base", "every call starts here", BASE_POINTS)]
    if kind.points:
        parts.append(Contribution(f"verb.{kind.name}", label, kind.points))
    parts += _hint_parts(call, kind)
    parts += _subject_parts(facts, kind)
    parts += _text_parts(facts, call, kind)
    if kind.name == "press":
        parts += _caption_parts(facts)
    parts += commands
    parts += _amount_parts(facts, kind)
    if kind.changes and kind.name != "run":  # a command rarely shares a word with what it is for
        against = _request_parts(facts, kind)
        if any(part.feature == "subject.welfare" for part in parts):
            # The agent itself words the intent; where a vulnerable person is concerned it may not talk the score down.
            against = [part for part in against if part.points > 0]
        parts += against
    return parts


def _kind_of(call: ProposedCall, facts: Facts, commands: list[Contribution]) -> tuple[Kind, str]:
    """What the call does: by its arguments where they say it plainly, else by its name."""
    method = next((text.lower() for key, text in facts.texts if key in ("method", "http_method")), "")
    if method in HTTP_VERBS:
        kind = KIND_OF[HTTP_VERBS[method]]
        return kind, f"{kind.label}: its method is {method.upper()}"
    kind, label = _kind(tuple(facts.name), _FIRST_SENTENCE.split(call.description[:300], 1)[0])
    if not kind.changes and any(part.points > 0 for part in commands):  # a "query" that holds a DROP TABLE
        kind = KIND_OF["run"]
        label = f"{kind.label}: its arguments hold a command"
    return kind, label


@lru_cache(maxsize=4096)
def _kind(name: tuple[str, ...], sentence: str) -> tuple[Kind, str]:
    """What the tool does and how we know: the first verb of its name, else the first verb of its description.

    "find_and_delete" counts as its riskiest verb.
    """
    verbs = [
        (word, KIND_OF[word]) for at, word in enumerate(name)
        if word in KIND_OF and (at == 0 or name[at - 1] in _JOINERS or not any(w in KIND_OF for w in name[:at]))
    ]
    source = "its name says"
    if name and name[-1] in READING_LAST_WORDS and all(word in NOUN_VERBS for word, _ in verbs):
        verbs = [(name[-1], KIND_OF["get"])]
    if not verbs:
        source = "its description says"
        verbs = [(word, KIND_OF[stem]) for word in name_words(sentence) for stem in _stems(word) if stem in KIND_OF][:1]
    if not verbs:
        return UNKNOWN, UNKNOWN.label
    word, kind = max(verbs, key=lambda verb: verb[1].points)
    if kind.name in MAKING_KINDS and (name[-1] in MONEY_NOUNS or (kind.name == "send" and MONEY_NOUNS & set(name))):
        kind = KIND_OF["pay"]
    return kind, f"{kind.label}: {source} “{word}”"


def _stems(word: str) -> tuple[str, ...]:
    """`sends` → send; `searches` → search."""
    return (word, word.removesuffix("s"), word.removesuffix("es"))


def _hint_parts(call: ProposedCall, kind: Kind) -> list[Contribution]:
    if call.read_only is None:
        return []
    if call.read_only and kind.changes:
        return [Contribution("hint.contradicted", "the server declares it read-only, its name says otherwise", 4)]
    if call.read_only:
        return [Contribution("hint.read_only", "the server declares it read-only (a hint only)", -6)]
    return [] if kind.changes else [Contribution("hint.changes", "the server declares that it changes something", 10)]


def _subject_parts(facts: Facts, kind: Kind) -> list[Contribution]:
    """Each subject counts once: in full when the call changes something, as a trace when it reads."""
    words = list(facts.name)
    for key in facts.keys:
        words += name_words(key)
    found: dict[str, tuple[Subject, str]] = {}
    for word in words:
        for subject in SUBJECTS_OF.get(word, ()):
            found.setdefault(subject.name, (subject, word))
    parts = []
    for subject in SUBJECTS:
        if subject.name not in found:
            continue
        if kind.changes:
            points = subject.change_points
        elif kind is UNKNOWN:
            points = subject.change_points // 2
        else:
            points = subject.read_points
        if points:
            verb = "concerns" if kind.changes or kind is UNKNOWN else "reads about"
            parts.append(Contribution(f"subject.{subject.name}", f"{verb} {subject.label}", points))
    return parts


def _text_parts(facts: Facts, call: ProposedCall, kind: Kind) -> list[Contribution]:
    parts = []
    if not facts.read_whole:
        parts.append(Contribution("unread", "the arguments are too large to be read in full", 75))
    texts = [text for _, text in facts.texts]
    for pattern in TEXTS:
        where = [*texts, call.stated_reason] if pattern.name == "to-the-scorer" else texts
        if any(pattern.regex.search(text) for text in where):
            points = pattern.points if kind.changes or pattern.name == "to-the-scorer" else pattern.points // 2
            if pattern.name == "private-data" and kind.name in ("send", "grant"):
                points *= 2  # it leaves the house
            parts.append(Contribution(f"text.{pattern.name}", pattern.label, points))
    if facts.longest_list > 10 and kind.changes:
        parts.append(Contribution("bulk", f"{facts.longest_list} items at once", 10))
    return parts


def _caption_parts(facts: Facts) -> list[Contribution]:
    """What a press on a page does stands in the caption of what is pressed."""
    captions = [text for key, text in facts.texts if key in CAPTION_KEYS]
    tags = " ".join(text for key, text in facts.texts if key in ("tag", "role", "type"))
    parts = []
    hits = [pattern for pattern in CAPTIONS if any(pattern.regex.search(text) for text in captions)]
    if hits:
        lowering = [pattern for pattern in hits if pattern.points < 0]
        best = max(hits, key=lambda pattern: pattern.points)
        for pattern in dict.fromkeys([best, *lowering]):
            parts.append(Contribution(f"press.{pattern.name}", pattern.label, pattern.points))
    if SUBMIT_TAG.search(tags):
        parts.append(Contribution("press.submit", "it submits a form", 14))
    elif LINK_TAG.search(tags):
        parts.append(Contribution("press.link", "it is a link or a choice in a menu", -10))
    return parts


def _command_parts(facts: Facts) -> list[Contribution]:
    runs = any(KIND_OF.get(word) is KIND_OF["run"] for word in facts.name)
    texts = [SILENCED_OUTPUT.sub("", text) for key, text in facts.texts if runs or key in COMMAND_KEYS]
    hits = [pattern for pattern in COMMANDS if any(pattern.regex.search(text) for text in texts)]
    # The heaviest in full, the others as traces: one line often matches several.
    hits.sort(key=lambda pattern: -pattern.points)
    parts = [
        Contribution(f"command.{pattern.name}", pattern.label, pattern.points if at == 0 else pattern.points // 4)
        for at, pattern in enumerate(hits)
    ]
    if not hits and runs and texts and all(map(_only_reads, texts)):
        parts.append(Contribution("command.reads", "the command only reads", -18))
    return parts


def _only_reads(command: str) -> bool:
    """Every part of the pipeline is a command that only reads."""
    return all(READ_COMMAND.match(part) for part in COMMAND_SEPARATOR.split(command) if part.strip())


def _amount_parts(facts: Facts, kind: Kind) -> list[Contribution]:
    amount = max((abs(value) for key, value in facts.amounts if AMOUNT_KEYS.intersection(name_words(key))), default=0)
    if not kind.changes or amount < 100:
        return []
    points = 20 if amount >= 10_000 else 12 if amount >= 1_000 else 5
    return [Contribution("amount", f"the amount is {amount:,.0f}", points)]


def _request_parts(facts: Facts, kind: Kind) -> list[Contribution]:
    """The arguments against what the user asked for."""
    if not facts.request.strip():
        return [Contribution("request.unknown", "nobody said what the user asked for", 4)]
    asked = text_words(facts.request)
    parts = []
    if kind.words & asked or kind.asked_by & asked:
        parts.append(Contribution("request.asks", "the request asks for this kind of action", -8))
    else:
        parts.append(Contribution("request.silent", "the request asks for no such action", 16))
    parts += _recipient_parts(facts, asked)
    words = {word for _, text in facts.texts for word in text_words(text[:2000]) if len(word) > 3 or word.isdigit()}
    if len(words) >= 2:
        share = len(words & asked) / len(words)
        if share >= 0.6:
            parts.append(Contribution("overlap.high", "most of its values stand in the request", -8))
        elif share < 0.2:
            parts.append(Contribution("overlap.low", "almost none of its values stand in the request", 8))
    return parts


def _recipient_parts(facts: Facts, asked: set[str]) -> list[Contribution]:
    recipients = [text for key, text in facts.texts if key in RECIPIENT_KEYS and 0 < len(text) <= 200]
    recipients += [match for _, text in facts.texts for match in _ADDRESS.findall(text[:5000])]
    recipients = list(dict.fromkeys(text.casefold() for text in recipients))[:_MAX_RECIPIENTS]
    strange = [text for text in recipients if text not in facts.request and not _named_in(text, asked)]
    if not recipients:
        return []
    if not strange:
        return [Contribution("recipient.asked", "everyone it reaches is named in the request", -10)]
    who = strange[0][:60]
    if any(text in facts.observation for text in strange):
        return [Contribution("recipient.observed", f"“{who}” stands only in what another tool returned", 18)]
    return [Contribution("recipient.unknown", f"“{who}” is not named in the request", 16)]


def _named_in(recipient: str, asked: set[str]) -> bool:
    """`emma.johnson@example.com` and `emmaj` are meant when the request says Emma."""
    name = recipient.removeprefix("@").partition("@")[0]
    parts = text_words(name) | {name[:length] for length in range(4, 13)}
    return any(len(part) > 2 and part in asked for part in parts)
