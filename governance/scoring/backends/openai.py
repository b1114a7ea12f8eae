"""Scores by any OpenAI-compatible server: OpenAI, Ollama, vLLM, llama.cpp.

One event loop per call: cancelling it closes the connection, so a silent or dripping server costs nothing after the
timeout, and nothing is shared between threads or over a fork. What the server says in an error is not repeated (it may
hold a key or the call); the status is.
"""

import asyncio
import ssl
from functools import cache
from typing import Any

import httpx
import openai
from django.conf import settings

from governance.errors import ScorerUnavailable
from governance.scoring.base import BadAnswer, ProposedCall, Score
from governance.scoring.parsing import parse_answer
from governance.scoring.prompt import ANSWER_SCHEMA, PROMPT_VERSION, messages

_MAX_RETRIES = 1  # for refused connections, 408, 409, 429 and 5xx; inside the overall timeout
_OPTIONS: dict[str, Any] = {
    "temperature": 0,
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "risk_assessment", "strict": True, "schema": ANSWER_SCHEMA},
    },
}
_STATUS_REASONS = {
    401: "it refused the key in OPENAI_API_KEY",
    403: "the key in OPENAI_API_KEY may not use it",
    404: "it does not know OPENAI_MODEL, or OPENAI_BASE_URL is wrong",
    429: "its rate limit or quota is used up",
}


class OpenAIScorer:
    @property
    def version(self) -> str:
        return f"{PROMPT_VERSION} {settings.OPENAI_MODEL}"[:100]

    def check(self) -> str:
        """A key is needed at OpenAI itself; local servers take none."""
        if not settings.OPENAI_API_KEY and "api.openai.com" in settings.OPENAI_BASE_URL:
            return "OPENAI_API_KEY is not set."
        return "" if settings.OPENAI_MODEL else "OPENAI_MODEL is not set."

    def score(self, call: ProposedCall) -> Score:
        if reason := self.check():
            raise ScorerUnavailable(reason)
        payload = call.payload()
        answer = asyncio.run(_answer_in_time(messages(payload)))
        return parse_answer(answer, payload=payload, scorer="openai", version=self.version)


async def _answer_in_time(chat: list[dict[str, str]]) -> str:
    timeout = settings.SCORER_TIMEOUT_SECONDS
    try:
        async with asyncio.timeout(timeout):
            return await _answer(chat)
    except (TimeoutError, openai.APITimeoutError):
        raise ScorerUnavailable(f"The AI server gave no answer within {timeout:g} s.") from None
    except openai.APIStatusError as error:
        why = _STATUS_REASONS.get(error.status_code, "it could not answer")
        raise ScorerUnavailable(f"The AI server answered {error.status_code}: {why}.") from None
    except openai.APIConnectionError:
        raise ScorerUnavailable("The AI server cannot be reached at OPENAI_BASE_URL.") from None
    except (openai.OpenAIError, httpx.HTTPError, ValueError) as error:
        raise ScorerUnavailable(f"The AI server's reply is no chat completion ({type(error).__name__}).") from None


async def _answer(chat: list[dict[str, str]]) -> str:
    """The text of the model's answer. Raises BadAnswer when it was refused or cut off."""
    async with openai.AsyncOpenAI(
        base_url=settings.OPENAI_BASE_URL,
        api_key=settings.OPENAI_API_KEY or "none",
        timeout=settings.SCORER_TIMEOUT_SECONDS,
        max_retries=_MAX_RETRIES,
        http_client=openai.DefaultAsyncHttpxClient(verify=_tls()),
    ) as client:
        completion = await _complete(client, chat)
    choices = getattr(completion, "choices", None)
    if not choices or len(choices) != 1 or getattr(choices[0], "message", None) is None:
        raise BadAnswer("The AI server's reply holds no single answer.")
    message, finish = choices[0].message, choices[0].finish_reason
    if finish != "stop":
        raise BadAnswer(f"The model did not finish its answer ({finish!s:.30}).")
    if getattr(message, "refusal", None) or not isinstance(message.content, str):
        raise BadAnswer("The model refused to answer.")
    return message.content


async def _complete(client: openai.AsyncOpenAI, chat: list[dict[str, str]]) -> Any:
    """Asks with every option, again without one that the server names as unsupported.

    gpt-5 takes no temperature and old servers no JSON schema. Without the schema the answer is free text; the parser is
    as strict either way.
    """
    options = dict(_OPTIONS)
    while True:
        try:
            return await client.chat.completions.create(model=settings.OPENAI_MODEL, messages=chat, **options)
        except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
            unsupported = [name for name in options if name in f"{error.param} {error.message}"]
            if not unsupported:
                raise
            for name in unsupported:
                del options[name]


@cache
def _tls() -> ssl.SSLContext:
    """Loading the certificates takes longer than the rest of a call; one context serves all threads."""
    return httpx.create_ssl_context()
