"""The shapes of REST: requests and agents as they are read, a verdict and a reason as they are written.

The rest of what is read: serializers_catalog.py.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import Direction, extend_schema_field
from rest_framework import serializers

from governance.actions.decide import MAX_DECISION_REASON_CHARS
from governance.actions.halt import MAX_HALT_REASON_CHARS as MAX_REASON_CHARS
from governance.changes import changes
from governance.models import Agent, Assessment, Decision, Execution, GovernanceRequest, Question, Transition
from governance.policy import Effect
from governance.states import Verdict
from reviews.openapi import VALUE
from reviews.sentences import sentence_of


class RequestAgentSerializer(serializers.ModelSerializer):
    class Meta:
        model = Agent
        fields = ("id", "name")
        extra_kwargs = {"name": {"help_text": "Unique within its team."}}


def one_of(values: Iterable[str], *, nullable: bool = False) -> type[serializers.CharField]:
    """A field that the schema describes by its values; it is only read."""
    described = {"type": "string", "enum": [str(value) for value in values], **({"nullable": True} if nullable else {})}
    return extend_schema_field(described)(type("OneOf", (serializers.CharField,), {}))


class RulingSerializer(serializers.ModelSerializer):
    """What the team's policy said of the call when it was received."""

    version = serializers.IntegerField(
        source="policy_version.number", allow_null=True, default=None, read_only=True,
        help_text="Null: no policy was active, every call is scored.",
    )
    rule = serializers.CharField(source="policy_rule", help_text="“default” when no rule matched.")
    effect = one_of(Effect)(source="policy_effect")
    threshold = serializers.IntegerField(help_text="From this risk on a person decides.")

    class Meta:
        model = GovernanceRequest
        fields = ("version", "rule", "effect", "threshold")
        read_only_fields = fields


class ClaimSerializer(serializers.Serializer):
    """Who reads the case now."""

    by = serializers.CharField(source="claimant.username")
    until = serializers.DateTimeField(source="claimed_until")
    note = serializers.CharField(source="claim_note", help_text="Of who handed it over; else empty.")


class RequestSerializer(serializers.ModelSerializer):
    """A row of the list."""

    reference = serializers.CharField(help_text="evt_ and 16 hexadecimal digits.")
    team = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    agent = RequestAgentSerializer(read_only=True)
    tool = serializers.CharField(source="tool.exposed_name", help_text="As agents call it.")
    tool_server = serializers.CharField(source="tool.server.slug")
    is_waiting = serializers.BooleanField(help_text="In review and still in time: a person can decide it now.")
    parked = serializers.CharField(
        source="why_parked",
        help_text="Which halt holds this open request, and why: it can be rejected, not approved. Else empty.",
    )
    policy = RulingSerializer(source="*", read_only=True)
    round = serializers.IntegerField(help_text="Goes up when an approval is undone, or sent back to review.")
    claim = serializers.SerializerMethodField(help_text="Who reads the case now; null when nobody does.")
    release_at = serializers.DateTimeField(
        allow_null=True, help_text="Until then an approval given in the console can be undone, and nothing runs."
    )
    tool_digest = serializers.CharField(help_text="SHA-256 of the tool's definition that an approval is for.")
    sentence = serializers.SerializerMethodField(help_text="What would happen, in words for a person.")

    class Meta:
        model = GovernanceRequest
        fields = (
            "reference", "sentence", "status", "is_waiting", "team", "agent", "tool", "tool_server", "risk_score",
            "received_at", "deadline", "decided_at", "finished_at", "parked", "policy", "round", "tool_digest",
            "claim", "release_at",
        )
        read_only_fields = fields

    def get_sentence(self, request: GovernanceRequest) -> str:
        """With names where the rows had them attached (reviews/names.py)."""
        return f"{sentence_of(request)}."

    @extend_schema_field(ClaimSerializer(allow_null=True))
    def get_claim(self, request: GovernanceRequest) -> dict[str, Any] | None:
        return ClaimSerializer(request).data if request.claimant else None


class ContributionSerializer(serializers.Serializer):
    feature = serializers.CharField()
    label = serializers.CharField()
    points = serializers.FloatField()


class AssessmentSerializer(serializers.ModelSerializer):
    contributions = ContributionSerializer(many=True, help_text="What made the score; the points sum to it.")

    class Meta:
        model = Assessment
        fields = (
            "risk_score", "classification", "action", "rationale", "contributions", "scorer", "scorer_version",
            "failure", "duration_ms", "created_at",
        )
        read_only_fields = fields


class DecisionSerializer(serializers.ModelSerializer):
    decided_by = serializers.CharField(help_text="The reviewer's name, or “the gateway” when no person was asked.")
    round = serializers.IntegerField(
        help_text="The round of the request that it decided. One of an earlier round was undone or sent back."
    )
    edited_arguments = serializers.SerializerMethodField(
        help_text="What was approved, when the reviewer edited the call; null when it was as the agent sent it."
    )

    class Meta:
        model = Decision
        fields = ("verdict", "reason", "decided_by", "source", "round", "edited_arguments", "created_at")
        read_only_fields = fields

    @extend_schema_field({"type": "object", "additionalProperties": {}, "nullable": True})
    def get_edited_arguments(self, decision: Decision) -> dict[str, Any] | None:
        return decision.arguments if decision.is_edited else None


class QuestionSerializer(serializers.ModelSerializer):
    """What a reviewer asked the agent, and its answer."""

    asked_by = serializers.CharField(source="asked_by.username")
    answer = serializers.CharField(help_text="The agent's words; empty until it answers.")

    class Meta:
        model = Question
        fields = ("text", "asked_by", "asked_at", "answer", "answered_at")
        read_only_fields = fields


class ChangedSerializer(serializers.Serializer):
    path = serializers.CharField(help_text="A JSON pointer into the arguments.")
    before = serializers.JSONField(required=False, allow_null=True, help_text="What the agent sent; absent when new.")
    after = serializers.JSONField(required=False, allow_null=True, help_text="What was approved; absent when removed.")


class EditedSerializer(serializers.Serializer):
    """How the call that was approved differs from what the agent sent."""

    changes = ChangedSerializer(many=True)
    reason = serializers.CharField()


class TransitionSerializer(serializers.ModelSerializer):
    from_status = serializers.CharField(help_text="Empty for the arrival.")

    class Meta:
        model = Transition
        fields = ("from_status", "to_status", "actor", "reason", "at")
        read_only_fields = fields


class ExecutionSerializer(serializers.ModelSerializer):
    result = serializers.SerializerMethodField(help_text="The MCP tool result.")

    class Meta:
        model = Execution
        fields = ("claimed_at", "attempts", "returned_at", "is_error", "is_unknown", "result", "error")
        read_only_fields = fields

    @extend_schema_field({"type": "object", "additionalProperties": {}, "nullable": True})
    def get_result(self, execution: Execution) -> Any:
        return execution.result


class RequestDetailSerializer(RequestSerializer):
    """One request with everything a reviewer may know of it."""

    arguments = serializers.SerializerMethodField(
        help_text="As the agent sent them: exactly what runs when it is approved, unless the reviewer edits them."
    )
    edited = serializers.SerializerMethodField(help_text="Null unless another call was approved than the agent sent.")
    questions = QuestionSerializer(many=True, read_only=True)
    context = serializers.SerializerMethodField(help_text="_meta atlas/context of the call.")
    assessment = serializers.SerializerMethodField()
    decisions = DecisionSerializer(many=True, read_only=True)
    transitions = TransitionSerializer(many=True, read_only=True)
    execution = serializers.SerializerMethodField()

    class Meta:
        model = GovernanceRequest
        fields = (
            *RequestSerializer.Meta.fields, "arguments", "arguments_digest", "stated_reason", "intent", "context",
            "assessment", "decisions", "edited", "questions", "transitions", "execution",
        )
        read_only_fields = fields

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_arguments(self, request: GovernanceRequest) -> dict[str, Any]:
        return request.arguments

    @extend_schema_field(EditedSerializer(allow_null=True))
    def get_edited(self, request: GovernanceRequest) -> dict[str, Any] | None:
        decision = request.decision
        if decision is None or not decision.is_edited:
            return None
        found = [change.as_json() for change in changes(request.arguments, decision.arguments)]
        return {"changes": found, "reason": decision.reason}

    @extend_schema_field(OpenApiTypes.ANY)
    def get_context(self, request: GovernanceRequest) -> Any:
        return request.context

    # A reverse one-to-one raises when there is no row yet; these answer null.
    @extend_schema_field(AssessmentSerializer(allow_null=True))
    def get_assessment(self, request: GovernanceRequest) -> dict[str, Any] | None:
        assessment = getattr(request, "assessment", None)
        return AssessmentSerializer(assessment).data if assessment else None

    @extend_schema_field(ExecutionSerializer(allow_null=True))
    def get_execution(self, request: GovernanceRequest) -> dict[str, Any] | None:
        execution = getattr(request, "execution", None)
        return ExecutionSerializer(execution).data if execution else None


IN_WORDS = {str: "text", int: "a whole number", bool: "true or false", dict: "an object"}


class TextsSerializer(serializers.Serializer):
    """A body whose fields are all text, but for those that `kinds` names."""

    kinds: Mapping[str, type] = {}

    def in_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """How the OpenAPI document describes the body, where its fields alone do not."""
        return schema

    def to_internal_value(self, data: Any) -> Any:
        """Refuses fields it does not know (a misspelt reason would be lost) and numbers posing as text."""
        if isinstance(data, dict):
            for name, value in data.items():
                if name not in self.fields:
                    known = " and ".join(self.fields)
                    raise serializers.ValidationError({name[:40]: f"There is no such field; send {known}."})
                kind = self.kinds.get(name, str)
                if type(value) is not kind:
                    raise serializers.ValidationError({name: f"This must be {IN_WORDS[kind]}."})
        return super().to_internal_value(data)


@extend_schema_field({
    "type": "string", "minLength": 1, "maxLength": MAX_REASON_CHARS, "pattern": r"^[^\x00]*[^\x00\s][^\x00]*$",
})
class ReasonField(serializers.CharField):
    """Text that says something."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=MAX_REASON_CHARS, trim_whitespace=True, **kwargs)


@extend_schema_field({
    "type": "string", "minLength": 1, "maxLength": MAX_DECISION_REASON_CHARS, "pattern": r"^[^\x00]*$",
})
class OptionalReasonField(serializers.CharField):
    """As the schema says beside this: or nothing, or an empty text."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            required=False, allow_blank=True, default="", max_length=MAX_DECISION_REASON_CHARS, trim_whitespace=True,
            **kwargs,
        )


@extend_schema_field({"type": "object", "additionalProperties": VALUE})
class ArgumentsField(serializers.JSONField):
    """The whole arguments of a call."""


class TextsExtension(OpenApiSerializerExtension):
    """Says in the schema that other fields are refused."""

    target_class = TextsSerializer
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        schema = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        return self.target.in_schema({**schema, "additionalProperties": False})


class VerdictSerializer(TextsSerializer):
    """What a reviewer sends to decide."""

    verdict = serializers.ChoiceField(choices=Verdict.choices)
    reason = OptionalReasonField(help_text="Shown to the agent and kept as evidence.")
    arguments = ArgumentsField(
        required=False, help_text="The call as you edited it: it runs instead of the agent's. With APPROVED only."
    )
    kinds = {"arguments": dict}

    def in_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Arguments come with an approval only."""
        fields = schema["properties"]
        plain = {name: field for name, field in fields.items() if name != "arguments"}
        approved = {**fields, "verdict": {"type": "string", "enum": [Verdict.APPROVED.value]}}
        return {
            "required": schema["required"],  # else the document says that the body may be left out
            "anyOf": [
                {**schema, "properties": plain},
                {**schema, "properties": approved, "required": [*schema["required"], "arguments"]},
            ],
        }


class ReasonSerializer(TextsSerializer):
    """Why somebody halts, resumes, accepts or rejects."""

    reason = ReasonField(help_text="Kept as evidence; of a halt, the agents read it.")


class DecidedSerializer(DecisionSerializer):
    """The decision that stands now."""

    reference = serializers.CharField(source="request.reference")

    class Meta:
        model = Decision
        fields = ("reference", *DecisionSerializer.Meta.fields)
        read_only_fields = fields


class AgentSerializer(serializers.ModelSerializer):
    team = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    owner = serializers.CharField(
        source="owner.username", allow_null=True, default=None, read_only=True, help_text="Can never decide for it."
    )
    is_halted = serializers.BooleanField(read_only=True)

    class Meta:
        model = Agent
        fields = ("id", "name", "team", "owner", "is_halted", "halted_at", "halted_reason", "created_at")
        read_only_fields = fields


class AgentDetailSerializer(AgentSerializer):
    open_requests = serializers.SerializerMethodField()

    class Meta:
        model = Agent
        fields = (*AgentSerializer.Meta.fields, "open_requests")
        read_only_fields = fields

    def get_open_requests(self, agent: Agent) -> int:
        """Bounded by the limit on open requests per agent."""
        return agent.requests.open().count()


class ToolServerHealthSerializer(serializers.Serializer):
    name = serializers.CharField(help_text="team/server")
    state = serializers.ChoiceField(choices=["up", "down", "new", "off", "halted"])


class HealthSerializer(serializers.Serializer):
    status = serializers.ChoiceField(choices=["ready", "not ready"])
    reasons = serializers.ListField(child=serializers.CharField(), help_text="Why it is not ready; empty when it is.")
    tool_servers = ToolServerHealthSerializer(many=True, help_text="Remote ones; one that is down fails its own calls.")


class ProblemDetailSerializer(serializers.Serializer):
    code = serializers.CharField(help_text="For programs; does not change.")
    message = serializers.CharField(help_text="For people.")
    field = serializers.CharField(required=False, help_text="What in the request it is about.")


class ProblemSerializer(serializers.Serializer):
    """Every error has this shape."""

    error = ProblemDetailSerializer()
