"""Stage `warmstart`: a policy that knows the format, by supervised fine-tuning on the synthesised trajectories."""

from __future__ import annotations

import itertools
import time

import torch

from stepsearch_core.data.corpus import Corpus
from stepsearch_core.data.questions import load_questions
from stepsearch_core.environment.prompts import STYLES
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.io import read_jsonl, write_json, write_jsonl
from stepsearch_core.params import Params
from stepsearch_core.policy.models import build_model, load_policy, save_policy
from stepsearch_core.policy.tokenizers import train_tokenizer
from stepsearch_core.training.sft import fine_tune, replay, training_texts
from tasks.stage import DATA, run


def main(params: Params) -> None:
    """Tokenizer, model, fine-tuning; writes `data/warmstart/{policy,metrics.jsonl}`."""
    torch.manual_seed(params.seed)
    corpus = Corpus.open(DATA / "corpus")
    questions = {question.id: question for question in load_questions(DATA / "synthesize" / "train.jsonl")}
    rows = [row for _, row in read_jsonl(DATA / "synthesize" / "trajectories.jsonl")]
    if params.model.source:
        policy, tokenizer = load_policy(params.model.source, params.model.dtype)
    else:
        texts = training_texts(questions.values(), (row["turns"] for row in rows), corpus)
        said = STYLES[params.environment.prompt].vocabulary()
        tokenizer = train_tokenizer(itertools.chain(said, texts), params.tokenizer)
        policy = build_model(params.model, tokenizer)
    renderer = Renderer(tokenizer, params.environment)
    trajectories = [replay(row["turns"], questions[row["question_id"]], corpus.get, renderer) for row in rows]
    history: list[dict[str, float]] = []
    started = time.perf_counter()
    fine_tune(
        policy,
        trajectories,
        params.warmstart,
        tokenizer.pad_token_id,
        params.seed,
        log=lambda step, metrics: history.append({"step": step, **metrics}),
    )
    write_json(DATA / "warmstart" / "timings.json", {"fine_tune": time.perf_counter() - started})
    write_jsonl(DATA / "warmstart" / "metrics.jsonl", history)
    save_policy(policy, tokenizer, DATA / "warmstart" / "policy")


if __name__ == "__main__":
    run("warmstart", main)
