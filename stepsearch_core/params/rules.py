"""What several parameters must satisfy together."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import isclose
from operator import attrgetter
from os.path import normpath, relpath
from pathlib import PurePath
from urllib.parse import urlsplit

from stepsearch_core.params.published import PAPER_BENCHMARKS, SOURCES
from stepsearch_core.params.schema import Params
from stepsearch_core.params.shared import SEARCHING, TANTIVY_CONSTANTS, indexes_of
from stepsearch_core.params.stages import NO_POLICIES, POLICIES, STAGES, TRAINING_FILES, FetchParams


@dataclass(frozen=True, slots=True)
class Rule:
    """What several parameters must satisfy together; `key` is the one that an error names."""

    key: str
    wording: str
    holds: Callable[[Params], bool]
    of_run: bool = False
    """Whether it holds for the run's own parameters alone, not for those that a policy is asked with."""


def _of_sharding(section: str) -> tuple[Rule, Rule]:
    """What warm start and training must satisfy alike."""
    learning = attrgetter(section)
    return (
        Rule(
            f"{section}.offload_optimizer",
            f"possible without ZeRO: set {section}.zero_stage to 1, 2 or 3",
            lambda p: not learning(p).offload_optimizer or learning(p).zero_stage >= 1,
        ),
        Rule(
            f"{section}.gradient_dtype",
            f"possible beside bfloat16 weights without ZeRO 2 or 3: set {section}.zero_stage to one of them",
            lambda p: (
                p.model.dtype != "bfloat16"
                or learning(p).gradient_dtype == "model"
                or learning(p).zero_stage >= 2
            ),
        ),
    )


RULES = (
    Rule(
        "environment.protocol",
        "possible for a run, whose policies are trained as agents; the baselines are ways to ask:"
        " evaluate.others.NAME.changes=[environment.protocol=...], or stepsearch ask --change",
        lambda p: p.environment.protocol == "agent",
        of_run=True,
    ),
    Rule(
        "environment.max_searches",
        f"enough for protocols that search by themselves ({', '.join(SEARCHING[1:])}): at least 1",
        lambda p: p.environment.max_searches >= 1 or p.environment.protocol not in SEARCHING[1:],
    ),
    Rule(
        "environment.max_turn_tokens",
        "with max_observation_tokens less than max_trajectory_tokens",
        lambda p: (
            p.environment.max_turn_tokens + p.environment.max_observation_tokens
            < p.environment.max_trajectory_tokens
        ),
    ),
    Rule(
        "environment.max_trajectory_tokens",
        "at most model.max_positions",
        lambda p: p.model.source is not None or p.environment.max_trajectory_tokens <= p.model.max_positions,
    ),
    Rule(
        "environment.chat_template",
        "possible without model.source, whose tokenizer brings the template",
        lambda p: p.model.source is not None or not p.environment.chat_template,
    ),
    Rule(
        "model.hidden_size",
        "a multiple of twice model.heads",  # rotary embeddings turn pairs of a head's dimensions
        lambda p: p.model.source is not None or p.model.hidden_size % (2 * p.model.heads) == 0,
    ),
    Rule(
        "model.heads",
        "a multiple of model.key_value_heads",
        lambda p: p.model.source is not None or p.model.heads % p.model.key_value_heads == 0,
    ),
    Rule(
        "tokenizer.kind",
        "possible without model.source, which would bring the tokenizer",
        lambda p: p.model.source is not None or p.tokenizer.kind != "pretrained",
    ),
    Rule(
        "fetch.folder",
        "a folder apart from what the pipeline writes (not nothing, the checkout, data/ or data/STAGE): DVC"
        " watches all that is in it",
        lambda p: p.fetch.folder.startswith("~") or _is_own_folder(p.fetch.folder),
    ),
    Rule(
        "fetch.folder",
        "a whole path: nobody here knows whose folder ~ is",
        lambda p: not p.fetch.folder.startswith("~"),
    ),
    Rule(
        "fetch.files",
        "all inside fetch.folder, which DVC watches: put or link them into it, or set fetch.folder to what"
        " holds them all",
        lambda p: p.fetch.source != "files" or all(map(_is_inside, p.fetch.files.values())),
    ),
    Rule(
        "fetch.datasets",
        f"all with name and split, or published ({', '.join(SOURCES)}), for which {{}} is enough",
        lambda p: all(
            bool(named.name and named.split) if any(vars(named).values()) else key in SOURCES
            for key, named in p.fetch.datasets.items()
        ),
    ),
    Rule(
        "fetch.datasets",
        "all names of the hub or of directories inside fetch.folder, which DVC watches",
        lambda p: (
            p.fetch.source != "datasets"
            or all(_is_inside(named.name or "") for named in p.fetch.datasets.values())
        ),
    ),
    Rule(
        "fetch.world.hop_shares",
        "three shares, of questions of 2, 3 and 4 hops, that come to 1",
        lambda p: len(p.fetch.world.hop_shares) == 3 and isclose(sum(p.fetch.world.hop_shares), 1),
    ),
    Rule(
        "fetch.training_share",
        "less than 1: some of MuSiQue's test questions have to stay for the evaluation",
        lambda p: p.fetch.training_share < 1,
    ),
    Rule(
        "fetch.training_share",
        "possible without MuSiQue's test questions among those fetched (fetch.files or fetch.datasets): 0",
        lambda p: not p.fetch.training_share or "musique" in _fetched(p.fetch),
    ),
    Rule(
        "rollout.tensor_parallel",
        "possible but with rollout.engine=vllm",
        lambda p: p.rollout.tensor_parallel == 1 or p.rollout.engine == "vllm",
    ),
    Rule(
        "rollout.tensor_parallel",
        "a divisor of train.processes and of evaluate.processes: so many of them share a model",
        lambda p: all(stage.processes % p.rollout.tensor_parallel == 0 for stage in (p.train, p.evaluate)),
    ),
    Rule(
        "retrieval.bm25_engine",
        "possible but with bm25_k1={} and bm25_b={}, which it fixes".format(*TANTIVY_CONSTANTS),
        lambda p: (
            p.retrieval.bm25_engine != "tantivy"
            or (p.retrieval.bm25_k1, p.retrieval.bm25_b) == TANTIVY_CONSTANTS
        ),
    ),
    Rule(
        "endpoint.url",
        "the address of a service: write http://HOST:PORT/v1, or what stands before /chat/completions",
        lambda p: p.endpoint.url is None or _is_address(p.endpoint.url, with_path=True),
    ),
    Rule(
        "corpus.passage_overlap",
        "less than corpus.passage_words",
        lambda p: p.corpus.passage_overlap < p.corpus.passage_words,
    ),
    Rule(
        "retrieval.url",
        "the address of a service, which retrieval.method, index.measured_methods and synthesize.sources"
        " need for remote: write"
        " http://HOST:PORT, without a path, a query or blanks",
        lambda p: (
            "remote" not in (p.retrieval.method, *p.index.measured_methods, *p.synthesize.sources)
            or _is_address(p.retrieval.url)
        ),
    ),
    Rule(
        "synthesize.generator_model",
        "enough for synthesize.generator=endpoint, synthesize.decompose and synthesize.linked_pairs, which"
        " ask a model: name it here, and its service in endpoint.url",
        lambda p: not p.synthesize.asks or bool(p.endpoint.url and p.synthesize.generator_model),
    ),
    Rule(
        "synthesize.sources",
        "all built here: add what is missing to index.measured_methods, or name others (remote alone, where"
        " a service searches)",
        lambda p: (
            indexes_of(p.synthesize.sources) <= indexes_of([p.retrieval.method, *p.index.measured_methods])
        ),
    ),
    Rule(
        "evaluate.policies",
        f"all of {', '.join(POLICIES)}, or among evaluate.others, and at least one",
        lambda p: bool(p.evaluate.policies) and set(p.evaluate.policies) <= {*POLICIES, *p.evaluate.others},
    ),
    Rule(
        "evaluate.others",
        "all under names of letters, digits, '_', '-' and '.', none first of the last two, that are none of"
        f" {', '.join((*POLICIES, *NO_POLICIES))}",
        lambda p: (
            p.evaluate.others.keys().isdisjoint((*POLICIES, *NO_POLICIES))
            and all(re.fullmatch(r"\w[\w.-]*", name) for name in p.evaluate.others)
        ),
    ),
    Rule(
        "evaluate.others",
        "all with a source, a folder or a name of the hub: only beside model.source one may lack",
        lambda p: p.model.source is not None or all(other.source for other in p.evaluate.others.values()),
    ),
    Rule(
        "evaluate.policies",
        "each named once",
        lambda p: len(set(p.evaluate.policies)) == len(p.evaluate.policies),
    ),
    Rule(
        "evaluate.benchmarks",
        "each named once",
        lambda p: len(set(p.evaluate.benchmarks)) == len(p.evaluate.benchmarks),
    ),
    Rule(
        "evaluate.policies",
        "both warmstart and trained, which the report compares, and perhaps others (evaluate.after=index"
        " evaluates others alone)",
        lambda p: p.evaluate.after != "train" or {"warmstart", "trained"} <= set(p.evaluate.policies),
    ),
    Rule(
        "evaluate.after",
        f"possible with one of {', '.join(POLICIES)} among evaluate.policies: train",
        lambda p: p.evaluate.after == "train" or set(p.evaluate.policies).isdisjoint(POLICIES),
    ),
    Rule(
        "evaluate.benchmarks",
        "all among those fetched (fetch.files or fetch.datasets)",
        lambda p: not _trains(p.fetch) or set(p.evaluate.benchmarks) <= _fetched(p.fetch),
    ),
    Rule(
        "train.samples_per_question",
        "at least 2, as train.algorithm compares samples of one question",
        lambda p: p.train.algorithm not in ("grpo", "rloo") or p.train.samples_per_question >= 2,
    ),
    Rule(
        "train.resampling_rounds",
        "possible with one sample a question, which has no variance: set train.samples_per_question",
        lambda p: not p.train.resampling_rounds or p.train.samples_per_question >= 2,
    ),
    Rule(
        "train.normalise_terms",
        "possible beside a KL in the reward, which is no term: set train.kl_placement=loss",
        lambda p: not p.train.normalise_terms or p.train.kl_placement == "loss",
    ),
    Rule(
        "train.normalise_terms",
        "possible with nothing to normalise: every weight of the reward that train.algorithm sees is 0",
        lambda p: not p.train.normalise_terms or any(_weights_seen(p)),
    ),
    Rule(
        "train.resampling_rounds",
        "possible with reward.gain=likelihood, which is known only after sampling",
        lambda p: not p.train.resampling_rounds or p.reward.gain != "likelihood",
    ),
    Rule(
        "reward.terms",
        "a number for each import path package.module:function, all within {} of one override",
        lambda p: all(":" in path for path in p.reward.terms),
    ),
    Rule(
        "train.credit",
        "possible with a critic: set train.algorithm to grpo, rloo or reinforce_pp",
        lambda p: p.train.credit == "trajectory" or p.train.algorithm not in ("steppo", "ppo"),
    ),
    Rule(
        "train.bi_level_gae",
        "possible without a critic: set train.algorithm to steppo or ppo",
        lambda p: not p.train.bi_level_gae or p.train.algorithm in ("steppo", "ppo"),
    ),
    Rule(
        "train.kl_estimator",
        "possible in the loss, where the gradient of k1 is zero on average",
        lambda p: p.train.kl_estimator != "k1" or p.train.kl_placement == "reward",
    ),
    *_of_sharding("warmstart"),
    *_of_sharding("train"),
    Rule(
        "train.offload_reference",
        "possible without a reference of its own: train.kl_coefficient above 0 and train.lora_rank 0",
        lambda p: not p.train.offload_reference or (p.train.kl_coefficient > 0 and not p.train.lora_rank),
    ),
    Rule(
        "watch.trackers",
        "with dvclive, whose files `dvc plots` shows",
        lambda p: "dvclive" in p.watch.trackers,
    ),
    Rule(
        "watch.guard.max_kl",
        "possible without train.kl_coefficient, which a reference is kept for",
        lambda p: p.watch.guard.max_kl is None or p.train.kl_coefficient > 0,
    ),
    Rule(
        "train.minibatches",
        "at most the trajectories of a step (questions_per_step * samples_per_question)",
        lambda p: p.train.minibatches <= p.train.questions_per_step * p.train.samples_per_question,
    ),
)


def _weights_seen(params: Params) -> tuple[float, ...]:
    """The weights of the terms that training learns from."""
    reward = params.reward
    steps = (reward.search_key_weight, reward.information_gain_weight, reward.redundancy_weight)
    seen = steps if params.train.sees_step_rewards else ()
    return (reward.answer_weight, *reward.terms.values(), *seen)


def _is_own_folder(name: str) -> bool:
    """Whether a folder, looked up in the checkout, may be a dependency of a stage, as DVC sees it."""
    parts = PurePath(relpath(name)).parts if name.strip() else ()
    around = set(parts) <= {".."} or parts == ("data",)
    return not around and not (parts[0] == "data" and parts[1] in STAGES)


def _is_inside(name: str) -> bool:
    """Whether a name stays below the folder that it is looked up in; a link there may lead anywhere."""
    return not PurePath(name).is_absolute() and not normpath(name).startswith("..")


def _is_address(url: str | None, with_path: bool = False) -> bool:
    """Whether `url` names a host, and a port perhaps, and nothing on it but, where allowed, a path."""
    try:
        parts = urlsplit(url or "")
        host = parts.hostname or ""
        host.encode("idna")  # as a connection to it does
        port = parts.port
    except ValueError:  # a port that is no number, a host that has no encoding
        return False
    named = re.fullmatch(r"[\w.:-]+", host, re.ASCII) is not None
    bare = (with_path or parts.path in ("", "/")) and not re.search(r"[?#\s]", url or "")
    return parts.scheme in ("http", "https") and named and port != 0 and bare


def _fetched(fetch: FetchParams) -> set[str]:
    """Keys of the files that `fetch` brings."""
    if fetch.source == "world":
        return {"musique_train", *PAPER_BENCHMARKS}
    return {*(fetch.files if fetch.source == "files" else fetch.datasets)}


def _trains(fetch: FetchParams) -> bool:
    """Whether there are questions to train on; without them only `dvc repro index` works, says `fetch`."""
    return not _fetched(fetch).isdisjoint(TRAINING_FILES) or fetch.training_share > 0


def broken_rules(params: Params, of_run: bool = True) -> list[str]:
    """Every rule that does not hold, as an error message; the parameters must be within their limits.

    `of_run`: whether they are the run's own, and not those that a policy is asked with.
    """
    return [
        f"{rule.key}: {attrgetter(rule.key)(params)!r} is not {rule.wording}"
        for rule in RULES
        if not rule.holds(params) and (of_run or not rule.of_run)
    ]
