"""The smallest parts that are real: a generated world, its index, a random model, as stages leave them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from stepsearch_core.base.streams import Name, seed_torch
from stepsearch_core.base.types import Hop, Question
from stepsearch_core.data.corpus import Corpus, build_corpus
from stepsearch_core.doctor.trial import NotHereError
from stepsearch_core.learning.logit_chunks import LIGER_PACKAGES
from stepsearch_core.params import Params
from stepsearch_core.params.defaults import DEFAULTS
from stepsearch_core.policy.models import save_policy
from stepsearch_core.policy.start import starting_policy
from stepsearch_core.policy.tokenizers import training_texts
from stepsearch_core.profiles import load_profile
from stepsearch_core.retrieval.index import build_index
from stepsearch_core.retrieval.similarity import TfidfSimilarity
from stepsearch_core.runtime.devices import own_device
from stepsearch_core.synthesis.questions import write_questions
from stepsearch_core.worlds.facts import build_world
from stepsearch_core.worlds.questions import WorldQuestion, make_questions

SMALL = (
    "model.hidden_size=256",  # heads of 64: what kernels for GPUs are made for
    "model.heads=4",
    "model.layers=2",
    "model.intermediate_size=512",
    *(f"fetch.world.{kind}=60" for kind in ("people", "works")),
    *(f"fetch.world.{kind}=24" for kind in ("organisations", "cities")),
    "fetch.world.countries=8",
    "fetch.world.train_questions=64",
    "fetch.world.test_questions=8",
    "rollout.batch_size=16",
    "warmstart.epochs=4",
    "warmstart.batch_size=8",
    "warmstart.learning_rate=0.003",
    "train.questions_per_step=8",
    "train.minibatches=2",
    "train.micro_batch_tokens=2048",
    "train.critic_warmup_steps=0",
    "train.learning_rate=0.001",
    "train.entropy_coefficient=0.01",  # something to learn where no random answer earns a reward
)
"""Of the default parameters' shape of everything, in seconds."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the stages before `train` would have made, in the folder `data`."""

    params: Params
    data: Path
    corpus: Corpus
    questions: list[Question]
    policy: Any
    tokenizer: Any


def small_params(overrides: Sequence[str]) -> Params:
    """The default parameters with `SMALL` and `overrides` laid over them.

    Raises:
        NotHereError: they name an engine or a kernel that is not installed, or one for GPUs without any.
    """
    params = load_profile(DEFAULTS, [*SMALL, *overrides])
    fused = params.train.log_probs == "liger"
    needed = ["vllm"] * (params.rollout.engine == "vllm") + [*LIGER_PACKAGES] * fused
    for module in needed:
        if find_spec(module) is None:
            raise NotHereError(f"{module} is not installed")
    if fused and own_device() == "cpu":
        raise NotHereError("no GPU, which liger-kernel's kernel is for")
    return params


@contextmanager
def small_parts(overrides: Sequence[str]) -> Iterator[Parts]:
    """A folder with corpus, BM25 index, questions and a random policy; it goes with the block."""
    params = small_params(overrides)
    with TemporaryDirectory(prefix="stepsearch-") as folder:
        data = Path(folder)
        world = build_world(params.fetch.world)
        build_corpus(world.passages, data / "corpus")
        corpus = Corpus.open(data / "corpus")
        build_index(corpus, params.retrieval, data / "index")
        TfidfSimilarity.build(corpus, data / "index" / "tfidf")
        split = make_questions(world, params.fetch.world)
        questions = [_question(number, asked) for number, asked in enumerate(split.train)]
        write_questions(data / "synthesize" / "train.jsonl", questions)
        write_questions(data / "synthesize" / "validation.jsonl", questions[:8])
        seed_torch(params.seed, Name.INITIAL_POLICY)
        texts = training_texts(questions, (), corpus)
        policy, tokenizer = starting_policy(params.model, params.tokenizer, params.environment, texts)
        save_policy(policy, tokenizer, data / "warmstart" / "policy")
        yield Parts(params, data, corpus, questions, policy.eval(), tokenizer)


def _question(number: int, asked: WorldQuestion) -> Question:
    hops = tuple(
        Hop(text, fact.mention, (fact.passage.id,), (f"{fact.passage.title} {fact.relation.name}",))
        for text, fact in zip(asked.resolved_sub_questions, asked.facts, strict=True)
    )
    return Question(
        f"q{number}", "musique", "train", asked.text, (asked.answer, *asked.answer_aliases), hops
    )
