"""The console's German is complete, and what is compiled is what is written (make messages)."""

import importlib.util
import io
import re
from pathlib import Path
from types import ModuleType

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

ROOT = Path(__file__).parent.parent
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%%|\{\w+\}")


@pytest.fixture(scope="module")
def messages() -> ModuleType:
    spec = importlib.util.spec_from_file_location("messages", ROOT / ".ci" / "messages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def german(messages: ModuleType) -> Catalog:
    return read_po(io.BytesIO((messages.LOCALE / "de" / "LC_MESSAGES" / "django.po").read_bytes()), locale="de")


def texts(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string)


def test_every_text_is_translated(messages: ModuleType, german: Catalog) -> None:
    wanted = {(message.id, message.context) for message in messages.collect() if message.id}
    assert wanted - {(message.id, message.context) for message in german} == set(), "run make messages"
    assert [message.id for message in german if not all(texts(message))] == []


def test_every_translation_keeps_its_placeholders(german: Catalog) -> None:
    for message in german:
        if message.id:
            original = message.id if isinstance(message.id, str) else message.id[1]
            for text in texts(message)[-1:]:
                assert sorted(PLACEHOLDER.findall(text)) == sorted(PLACEHOLDER.findall(original)), message.id


def test_what_is_compiled_is_what_is_written(messages: ModuleType, german: Catalog) -> None:
    compiled = messages.LOCALE / "de" / "LC_MESSAGES" / "django.mo"
    assert compiled.read_bytes() == messages.mo_bytes(german), "run make messages"
