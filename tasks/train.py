"""Stage `train`: step-wise PPO from the warm start, or the baseline that `train.algorithm` names."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from stepsearch_core.base.io import discard, write_json, write_jsonl
from stepsearch_core.base.ranks import is_main, world_size
from stepsearch_core.base.streams import Name, seed_torch
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.learning.run_folder import RunFolder
from stepsearch_core.metrics.timing import untimed
from stepsearch_core.params import Params
from stepsearch_core.retrieval.fingerprint import fingerprint
from stepsearch_core.rewards.terms import term_files
from stepsearch_core.runtime.work_folder import ROOT
from stepsearch_core.training.kept import KeptRecords
from stepsearch_core.training.loop import train
from stepsearch_core.training.opening import open_trainer
from stepsearch_core.training.pace import FILE as PACE
from stepsearch_core.training.pace import PaceTracker
from stepsearch_core.training.selection import Selection
from stepsearch_core.training.tracker import seconds_by_phase
from tasks.agreement import agree
from tasks.launch import launch
from tasks.pipeline import listed
from tasks.searching import made_by_searching
from tasks.stage import DATA, TIMINGS, run
from tasks.tracking import Trackers, check_installed


def main(params: Params) -> None:
    """Train; writes `data/train/{policy,critic,metrics.jsonl,trajectories.jsonl}` and the trackers'.

    `retriever.json` says what was searched, `exported.json` of which step the policy is.
    """
    check_installed(params.watch.trackers)
    agree("train", params, model=params.retrieval.encoder)
    seed_torch(params.seed, Name.INITIAL_LEARNER)
    out = DATA / "train"
    corpus = Corpus.open(DATA / "corpus")
    trainer, validation, tokenizer = open_trainer(DATA, corpus, params)
    searched = fingerprint(params.retrieval, DATA / "index", corpus)
    with run_folder(params) as folder:
        if is_main() and out.exists():
            discard(out)  # DVC has done it; another launcher has not
        name = f"{params.train.algorithm}-seed{params.seed}"
        settings, _ = listed("train", params)
        tracker = None
        if is_main():
            pace = PaceTracker(TIMINGS / PACE, params)
            tracker = Trackers(params.watch.trackers, out, name, settings, pace)
        kept = KeptRecords(
            params.train,
            trainer.scorer,
            trainer.crediting,
            corpus.get,
            trainer.rollout.renderer.decode,
            has_reference=trainer.learner.has_reference,
        )
        history, samples = train(trainer, folder, validation, params.watch.guard, tracker, kept)
        trainer.learner.export(tokenizer, out)
        if tracker is None:
            return  # the first rank writes what follows
        tracker.close()
        write_jsonl(out / "metrics.jsonl", map(untimed, history))
        write_jsonl(out / "trajectories.jsonl", samples)
        write_json(out / "retriever.json", asdict(searched))
        write_json(
            out / "exported.json", {"step": Selection(params.train).best(history) or history[-1]["step"]}
        )
        write_json(TIMINGS / "train.json", seconds_by_phase(history))
        folder.clear()  # the outputs are DVC's now; a stage that runs again trains again


def run_folder(params: Params) -> RunFolder:
    """The checkpoints of this run; of so many ranks, by `train.processes` or an outside launcher."""
    parameters, inputs = made_by_searching("train", params)
    own = term_files(params.reward.terms)  # of which DVC knows nothing, nor of the prompt
    own += [Path(params.reward.judge_prompt)] if params.reward.judge_prompt else []
    return RunFolder(ROOT, parameters | {"ranks": world_size()}, inputs + own)


if __name__ == "__main__":
    run(
        "train",
        lambda params: launch("train", main, params, params.train.processes),
        in_ranks=True,
    )
