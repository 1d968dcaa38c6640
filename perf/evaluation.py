"""Evaluation of the active profile's policies: its pace, kills of it, and its EM and F1 (`dvc repro` first).

`evaluation_speedup`: questions a second of the trained policy on all benchmarks, over a loop in lock-step
that goes benchmark by benchmark and batch by batch with the same engine, and asks it for every turn with the
whole contexts (`perf.lockstep`); `evaluation_speedup_kept_cache` is that over the same loop when the engine
keeps its cache from turn to turn, so that nothing but the waiting is left, and
`evaluation_speedup_generate` over one whose turns `model.generate` of transformers writes. All sides score
and make records, which have to be the same; ours keeps each on disk besides. Opening policy and index counts
on no side.

`serve_concurrency_gain`: see `perf.serve`. `company_equal`: share of the trained policy's greedy
trajectories that are the same, token by token, with other batch sizes and in other orders.
`resume_equal`: see `perf.evaluation_kills`. `metric_agreement`: share of adversarial predictions whose EM
and F1 are those of the scripts of HotpotQA and MuSiQue, as `perf.answer_oracles` has them; of two texts
without words F1 is 0 here and 1 in MuSiQue's, which `metrics.answers` explains and which is not counted.
"""

from __future__ import annotations

import operator
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from perf.answer_oracles import adversarial, hotpotqa_scores, musique_scores, normalised
from perf.evaluation_kills import resumed
from perf.lockstep import Write, generated, of_engine, play
from perf.measure import in_turn, median_of_pairs, report, seconds
from perf.serve import concurrency
from stepsearch_core.base.streams import Name, draws
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.evaluation.examination import BenchmarkRecords, Examination
from stepsearch_core.evaluation.policies import FOLDERS
from stepsearch_core.metrics.answers import exact_match, hotpotqa_f1, word_f1
from stepsearch_core.params import Params, load_params
from stepsearch_core.policy.models import load_policy
from stepsearch_core.profiles import ACTIVE
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.sampling.opening import open_engine
from tasks.stage import DATA

POLICY = "trained"
STRINGS = 10_000
TOLERANCE = 1e-12
COMPANIES = (8, 32, 500)
"""Trajectories at once, each in an order of its own."""


def main(quick: bool) -> None:
    """Measure all; `quick`: once, and one evaluation that is killed."""
    params = load_params()
    folder = DATA / FOLDERS[POLICY]
    if not folder.is_dir():
        sys.exit(f"evaluation: no policy in {folder}: run `dvc repro` first")
    repeats = 1 if quick else 3
    speed = _Speed(params, folder, repeats)
    rates = in_turn(speed.sides, repeats)
    speed.compare()
    kills = resumed(DATA, params, 1 if quick else 3)
    figures = {
        f"evaluation_speedup{name.removeprefix('lockstep')}": median_of_pairs(
            operator.truediv, rates["ours"], rates[name]
        )
        for name in rates
        if name != "ours"
    }
    gain, answers, asked = concurrency(DATA, ACTIVE, repeats)
    figures |= {
        **gain,
        "company_equal": speed.company_equal(COMPANIES[:1] if quick else COMPANIES),
        "metric_agreement": metric_agreement(),
        **kills.figures,
    }
    sides = {f"questions_per_second_{name}": values for name, values in rates.items()}
    sides |= answers | kills.both_sides
    workload = [
        [one.question.question for one in speed.examination.asked],
        params.evaluate.batch_size,
        params.profile,
        params.seed,
        STRINGS,
        *asked[1:],
    ]
    report("evaluation", figures, sides, repeats, workload, questions=speed.count, **kills.workload)


class _Speed:
    """The same evaluation continuously batched and in lock-step."""

    def __init__(self, params: Params, folder: Path, repeats: int) -> None:
        self.params = replace(params, evaluate=replace(params.evaluate, samples=None))
        self.folder = folder
        self.examination = Examination(DATA, self.params, [POLICY] * repeats)
        self.count = len(self.examination.asked)
        model, tokenizer = load_policy(folder)
        self.renderer = Renderer(tokenizer, params.environment)
        in_flight = replace(params.rollout, batch_size=params.evaluate.batch_size)
        self.engine = open_engine(model, tokenizer, folder, params.model, params.environment, in_flight)
        self.made: dict[str, BenchmarkRecords] = {}
        capacity = params.environment.max_trajectory_tokens
        self._writers = {
            "lockstep": of_engine(self.engine, capacity, keeps_cache=False),
            "lockstep_kept_cache": of_engine(self.engine, capacity, keeps_cache=True),
            "lockstep_generate": generated(model, tokenizer, stop_strings=True),
        }

    @property
    def sides(self) -> dict[str, Callable[[], float]]:
        """Questions a second by side."""
        return {
            "ours": self._ours,
            **{name: partial(self._lockstep, name, write) for name, write in self._writers.items()},
        }

    def compare(self) -> None:
        """See whether all sides made the same records."""
        for name, made in self.made.items():
            if made != self.made["ours"]:
                sys.exit(f"evaluation: {name} made other records: not comparable")

    def company_equal(self, companies: tuple[int, ...]) -> float:
        """Share of the trajectories that are the same with others in the batch."""
        questions = [one.question for one in self.examination.asked]
        retriever = self.examination.retriever
        same = 0
        expected: dict[tuple[str, str], list[int]] = {}
        for size in (self.params.evaluate.batch_size, *companies):
            in_flight = replace(self.params.rollout, batch_size=size)
            rollout = Rollout(self.engine, retriever, self.renderer, in_flight)
            order = (
                draws(size, Name.MEASUREMENT).sample(questions, len(questions)) if expected else questions
            )
            made = {
                (question.dataset, question.id): trajectory.token_ids
                for question, trajectory in zip(order, rollout.greedy(order), strict=True)
            }
            expected = expected or made
            same += sum(made[key] == tokens for key, tokens in expected.items())
        return same / self.count / len(companies) - 1 / len(
            companies
        )  # the first are the same as themselves

    def _ours(self) -> float:
        opening = partial(self.examination.policy, self.folder, self.params)
        with tempfile.TemporaryDirectory(prefix="stepsearch-evaluation-") as kept:
            self.made["ours"] = self.examination.records(POLICY, opening, Path(kept))
        return self.count / self.examination.seconds[POLICY]

    def _lockstep(self, name: str, write: Write) -> float:
        def run() -> None:
            self.made[name] = {}
            for benchmark in self.params.evaluate.benchmarks:
                asked = [one.question for one in self.examination.asked if one.question.dataset == benchmark]
                batch_size = self.params.evaluate.batch_size
                played = play(self.examination.retriever, self.renderer, asked, batch_size, write)
                self.made[name][benchmark] = list(map(self.examination.record, played, asked))

        return self.count / seconds(run)


def metric_agreement() -> float:
    """Share of predictions whose scores are those that were derived once more."""
    agreed = 0
    for number in range(STRINGS):
        draw = draws(number, Name.MEASUREMENT)
        prediction, golds = adversarial(draw), [adversarial(draw) for _ in range(draw.randint(1, 3))]
        em, f1 = musique_scores(prediction, golds)
        agrees = exact_match(prediction, golds) == em
        if normalised(prediction):
            agrees &= abs(word_f1(prediction, golds) - f1) < TOLERANCE
        for gold in golds:
            em, f1 = hotpotqa_scores(prediction, gold)
            agrees &= exact_match(prediction, [gold]) == em
            agrees &= abs(hotpotqa_f1(prediction, [gold]) - f1) < TOLERANCE
        agreed += agrees
    return agreed / STRINGS
