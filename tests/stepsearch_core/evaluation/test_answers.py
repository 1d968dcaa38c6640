import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.types import (
    Action,
    ActionKind,
    Author,
    RewardBreakdown,
    Segment,
    StopReason,
    Trajectory,
    Turn,
)
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.environment.search_environment import Episode
from stepsearch_core.evaluation.answers import Answers, read_answers
from stepsearch_core.metrics.measures import Rules
from stepsearch_core.rollout.recording import record
from tests import tiny

NOTHING = RewardBreakdown(0.0, 0.0, (), False)
RENDERER = Renderer(tiny.tokenizer(), tiny.ENVIRONMENT)
QUESTIONS = [replace(tiny.ADA, id=str(number)) for number in range(6)]


def recorded(played, question):
    return record(played, question, NOTHING, tiny.BY_ID.__getitem__, Rules())


def ended(question, sample=0, answer="norway", reason=StopReason.ANSWERED):
    episode = Episode(question, sample, RENDERER)
    written = f"<answer>{answer}</answer>"
    episode.trajectory = Trajectory(
        question.id,
        sample,
        [Segment(Author.PROMPT, 0, [1, 2]), Segment(Author.POLICY, 0, [3], [-0.5])],
        [Turn(Action(ActionKind.ANSWER, answer), written)],
        reason,
    )
    return episode


def test_a_question_is_kept_when_it_ends_and_found_as_it_was(tmp_path):
    answers = Answers(tmp_path / "trained", 1, recorded)
    assert answers.kept == set()
    answers.add(ended(tiny.ADA))
    other = replace(tiny.ADA, dataset="bamboogle")  # the same id in another benchmark
    answers.add(ended(other, answer="oslo"))
    made, _ = answers.together()
    again = Answers(tmp_path / "trained", 1, recorded)
    assert again.kept == {("musique", "ada"), ("bamboogle", "ada")}
    assert again.together()[0] == made
    assert [made[key].measures["em"] for key in sorted(made)] == [0.0, 1.0]
    assert made["musique", "ada"] == recorded(ended(tiny.ADA).trajectory, tiny.ADA)


def test_without_a_folder_nothing_is_kept(tmp_path):
    answers = Answers(None, 1, recorded)
    answers.add(ended(tiny.ADA))
    assert answers.together()[0].keys() == {("musique", "ada")}
    assert answers.kept == set()


def test_tokens_are_let_go():
    answers, episode = Answers(None, 1, recorded), ended(tiny.ADA)
    answers.add(episode)
    assert episode.trajectory.segments == []
    assert answers.together()[0]["musique", "ada"].response_length == 1


def test_of_samples_nothing_is_kept_before_the_last_and_their_order_does_not_matter(tmp_path):
    answers = Answers(tmp_path, 3, recorded)
    for sample, said in ((2, "oslo"), (0, "norway"), (1, "rome")):
        assert Answers(tmp_path, 3, recorded).kept == set()
        answers.add(ended(tiny.ADA, sample, said))
    again = Answers(tmp_path, 3, recorded)
    assert again.kept == {("musique", "ada")}
    made = again.together()[0]["musique", "ada"]
    assert (made.samples, made.prediction) == (3, "norway")
    assert made.measures["em"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("reason", "kept"),
    [
        (StopReason.RETRIEVAL_FAILED, False),
        (StopReason.RETRIEVAL_TIMEOUT, False),
        (StopReason.ENGINE_FAILED, False),
        (StopReason.PROMPT_TOO_LONG, True),
        (StopReason.TURN_LIMIT, True),
    ],
)
def test_what_retriever_or_engine_failed_is_asked_again(tmp_path, reason, kept):
    answers = Answers(tmp_path, 2, recorded)
    answers.add(ended(tiny.ADA, 0, reason=reason))
    answers.add(ended(tiny.ADA, 1))
    assert answers.together()[0]["musique", "ada"].stop_reason is reason  # it has a record all the same
    assert bool(Answers(tmp_path, 2, recorded).kept) == kept


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_whatever_ranks_did_before_each_kill_every_question_is_answered_once(tmp_path_factory, data):
    """Runs of one to three ranks; each rank answers some of its share and is killed within its last line."""
    folder = tmp_path_factory.mktemp("kept")
    expected = {("musique", q.id): recorded(ended(q, answer=q.id).trajectory, q) for q in QUESTIONS}
    answered: list[str] = []
    for _ in range(data.draw(st.integers(0, 4))):
        found, _ = read_answers(sorted(folder.glob("*.jsonl")))
        left = [question for question in QUESTIONS if ("musique", question.id) not in found]
        ranks = data.draw(st.integers(1, 3))
        for rank in range(ranks):
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("RANK", str(rank))
                answers = Answers(folder, 1, recorded)
                share = left[rank::ranks]
                for question in share[: data.draw(st.integers(0, len(share)))]:
                    answers.add(ended(question, answer=question.id))
                    answered.append(question.id)
            file = folder / f"{rank}.jsonl"
            whole = file.read_bytes() if file.is_file() else b""
            if whole.endswith(b"\n") and data.draw(st.booleans()):
                lines = whole.splitlines(keepends=True)
                cut = 1 + int(data.draw(st.floats(0, 1)) * (len(lines[-1]) - 1))
                file.write_bytes(whole[:-cut])
                if cut > 1:  # without its end alone it is whole
                    answered.remove(read_id(lines[-1]))
    found, _ = read_answers(sorted(folder.glob("*.jsonl")))
    assert sorted(answered) == sorted(made.id for made in found.values())
    assert found.items() <= expected.items()


def read_id(line):
    return line.decode().partition('"id": "')[2][0]


def test_seconds_are_those_of_all_runs_without_what_was_lost(tmp_path, monkeypatch):
    now = 100.0
    monkeypatch.setattr(time, "perf_counter", lambda: now)
    first = Answers(tmp_path, 1, recorded)
    now = 107.0  # the model is loaded
    first.begin()
    now = 110.0
    first.add(ended(QUESTIONS[0]))
    now = 150.0  # killed; starts again
    again = Answers(tmp_path, 1, recorded)
    assert again.together()[1] == 3.0
    again.begin()
    now = 152.0
    again.add(ended(QUESTIONS[1]))
    now = 152.5
    assert again.together()[1] == 5.5
    now = 200.0
    assert Answers(tmp_path, 1, recorded).together()[1] == 5.0


def test_a_damaged_file_is_named(tmp_path):
    answers = Answers(tmp_path, 1, recorded)
    for question in QUESTIONS:
        answers.add(ended(question))
    file = tmp_path / "0.jsonl"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0], "{}", *lines[2:]]) + "\n")
    with pytest.raises(DataError, match=r"0\.jsonl, line 2: field 'answer': missing"):
        Answers(tmp_path, 1, recorded)
