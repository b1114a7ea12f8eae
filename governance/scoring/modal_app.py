"""The deployable scorer `atlas-welfare-v1/inference`: a small open instruct model on Modal, asked by our own prompt.

    modal deploy governance/scoring/modal_app.py        (from the project's top folder, with a Modal account)
    ATLAS_SCORER=modal MODAL_FUNCTION_NAME=atlas-welfare-v1/inference

Runs on an image without Django: it imports only the prompt, the parser and their base. docs/scoring.md says what of
this could be tried without an account.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import modal

from governance.scoring.base import BadAnswer
from governance.scoring.parsing import parse_answer
from governance.scoring.prompt import ANSWER_SCHEMA, messages

APP_NAME = "atlas-welfare-v1"
MODEL = "Qwen/Qwen3-4B-Instruct-2507"  # Apache-2.0; 8 GB in bfloat16
MAX_ANSWER_TOKENS = 400
MAX_TOKENS = 32_768  # prompt and answer; a longer call fails, and the gateway sends it to review
MODEL_FOLDER = "/models"

image = (
    modal.Image.debian_slim(python_version="3.12")
    .uv_pip_install("vllm==0.12.0", "cbor2")
    .env({"HF_HOME": MODEL_FOLDER})
    .add_local_python_source("governance")
)
app = modal.App(APP_NAME, image=image)


def assess(payload: Mapping[str, Any], generate: Callable[[list[dict[str, str]]], str]) -> dict[str, Any] | str:
    """The answer for one ProposedCall.payload(), as plain JSON types; `generate` turns chat messages into text.

    A text that states no clear answer is returned as it is: the gateway refuses it and tells the reviewer why.
    """
    text = generate(messages(payload))
    try:
        score = parse_answer(text, payload=payload)
    except BadAnswer:
        return text
    return {
        "risk_score": score.risk_score, "classification": score.classification, "action": score.action,
        "rationale": score.rationale,
    }


@cache
def _generate() -> Callable[[list[dict[str, str]]], str]:
    """The model, loaded once per container."""
    from vllm import LLM, SamplingParams  # only on the Modal image
    from vllm.sampling_params import StructuredOutputsParams

    model = LLM(model=MODEL, max_model_len=MAX_TOKENS)
    sampling = SamplingParams(
        temperature=0, max_tokens=MAX_ANSWER_TOKENS, structured_outputs=StructuredOutputsParams(json=ANSWER_SCHEMA)
    )
    return lambda chat: model.chat(chat, sampling, use_tqdm=False)[0].outputs[0].text


@app.function(
    name="inference", gpu="L4", timeout=300, scaledown_window=600,
    volumes={MODEL_FOLDER: modal.Volume.from_name("atlas-models", create_if_missing=True)},
)
def inference(payload: dict[str, Any]) -> dict[str, Any] | str:
    return assess(payload, _generate())
