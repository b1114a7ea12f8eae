"""The bodies of what a reviewer does with a waiting request beside deciding it."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from governance.actions.ask import MAX_QUESTION_CHARS
from governance.actions.claim import MAX_NOTE_CHARS
from governance.actions.extend import EXTENSIONS, MAX_EXTEND_REASON_CHARS
from reviews.serializers import QuestionSerializer, TextsSerializer

SAYS_SOMETHING = r"^[^\x00]*[^\x00\s][^\x00]*$"


def text(limit: int, *, least: int = 0) -> type[serializers.CharField]:
    """A field of text with its bounds as the schema writes them."""
    pattern = SAYS_SOMETHING if least else r"^[^\x00]*$"
    described = {"type": "string", "minLength": least, "maxLength": limit, "pattern": pattern}

    class Text(serializers.CharField):
        def __init__(self, **kwargs: object) -> None:
            super().__init__(max_length=limit, trim_whitespace=True, **kwargs)

    return extend_schema_field(described)(Text)


class ClaimBodySerializer(TextsSerializer):
    take_over = serializers.BooleanField(default=False, help_text="Also from somebody who reads the case now.")
    kinds = {"take_over": bool}


class HandOverSerializer(TextsSerializer):
    to = text(150, least=1)(help_text="The username of a colleague who may decide the request.")
    note = text(MAX_NOTE_CHARS)(required=False, allow_blank=True, default="", help_text="For the colleague.")


class AskSerializer(TextsSerializer):
    text = text(MAX_QUESTION_CHARS, least=1)(help_text="The agent reads it as it is written.")


class AskedSerializer(QuestionSerializer):
    """The question that waits for the agent's answer."""

    reference = serializers.CharField(source="request.reference")

    class Meta(QuestionSerializer.Meta):
        fields = ("reference", *QuestionSerializer.Meta.fields)


class ExtendSerializer(TextsSerializer):
    seconds = serializers.ChoiceField(choices=EXTENSIONS, help_text="How much later the deadline is to be.")
    reason = text(MAX_EXTEND_REASON_CHARS)(required=False, allow_blank=True, default="", help_text="Kept as evidence.")
    kinds = {"seconds": int}
