"""Stage `warmstart`: a policy that knows the format, by fine-tuning on synthesised trajectories."""

from __future__ import annotations

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import write_json, write_jsonl
from stepsearch_core.base.ranks import is_main, world_size
from stepsearch_core.base.streams import Name, seed_torch
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.learning.distributed import downloading
from stepsearch_core.learning.run_folder import RunFolder
from stepsearch_core.learning.sft import fine_tune, replay_all
from stepsearch_core.metrics.timing import seconds, untimed
from stepsearch_core.params import Params
from stepsearch_core.policy.models import save_policy
from stepsearch_core.policy.start import starting_policy
from stepsearch_core.policy.tokenizers import training_texts
from stepsearch_core.policy.writable import refuse_unwritable, warn_of_unwritable, written_answers
from stepsearch_core.runtime.work_folder import ROOT
from stepsearch_core.synthesis.questions import load_questions
from stepsearch_core.synthesis.trajectories import load_trajectories
from tasks.agreement import agree
from tasks.launch import launch
from tasks.made_by import made_by
from tasks.stage import DATA, TIMINGS, run


def main(params: Params) -> None:
    """Tokenizer, model, fine-tuning; writes `data/warmstart/{policy,metrics.jsonl,answers.json}`."""
    agree("warmstart", params, model=params.model.source)
    seed_torch(params.seed, Name.INITIAL_POLICY)
    corpus = Corpus.open(DATA / "corpus")
    questions = {question.id: question for question in load_questions(DATA / "synthesize" / "train.jsonl")}
    made = DATA / "synthesize" / "trajectories.jsonl"
    if not made.stat().st_size and params.warmstart.epochs:
        problem = "there is no trajectory, as no question has steps: start from a model that can search"
        raise DataError(f"{problem} (warmstart.epochs=0)", made, field="warmstart.epochs")
    shown = load_trajectories(made, questions, corpus) if made.stat().st_size else []
    texts = training_texts(
        questions.values(), (turn.said for trajectory in shown for turn in trajectory.turns), corpus
    )
    with downloading(params.model.source):
        policy, tokenizer = starting_policy(params.model, params.tokenizer, params.environment, texts)
    answers = written_answers(tokenizer, [question.answers for question in questions.values()])
    refuse_unwritable(answers, tokenizer, params.model, params.tokenizer)
    warn_of_unwritable(answers)
    renderer = Renderer(tokenizer, params.environment)
    trajectories = replay_all(shown, list(questions.values()), corpus.get, renderer)
    parameters, inputs = made_by("warmstart", params)
    with RunFolder(ROOT, parameters | {"ranks": world_size()}, inputs) as folder:
        history = fine_tune(
            policy, trajectories, params.warmstart, tokenizer.pad_token_id, params.seed, folder
        )
        if not is_main():
            return
        write_json(TIMINGS / "warmstart.json", {"fine_tune": seconds(history, "batch")})
        write_json(DATA / "warmstart" / "answers.json", answers)
        write_jsonl(DATA / "warmstart" / "metrics.jsonl", map(untimed, history))
        save_policy(policy, tokenizer, DATA / "warmstart" / "policy")
        folder.clear()  # as in `train`


if __name__ == "__main__":
    run(
        "warmstart",
        lambda params: launch("warmstart", main, params, params.warmstart.processes),
        in_ranks=True,
    )
