from dataclasses import replace

import pytest

from stepsearch_core.base.types import ActionKind, Author, StopReason
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.environment.search_environment import Episode
from stepsearch_core.params import RolloutParams
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.sampling import transformers_engine
from stepsearch_core.sampling.decoder import last_states
from stepsearch_core.sampling.transformers_engine import TransformersEngine
from tests import tiny
from tests.stepsearch_core.rollout.troubles import Breaking, Closed, Delayed, Failing

WORD = tiny.tokenizer()
QUESTIONS = [tiny.ADA, tiny.BOB] * 3


@pytest.fixture(scope="module")
def searcher(tmp_path_factory):
    """A model that has roughly learnt the format, so that sampled turns are searches, answers and
    nonsense.
    """
    return tiny.searcher(WORD)


@pytest.fixture(scope="module")
def retriever(tmp_path_factory):
    return tiny.retriever(tmp_path_factory.mktemp("index"))


def rollout(searcher, retriever, batch_size=4, **changes):
    renderer = Renderer(WORD, tiny.environment(**changes))
    params = RolloutParams(batch_size=batch_size, retrieval_attempts=1)
    return Rollout(TransformersEngine(searcher, WORD), retriever, renderer, params)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_trajectories(searcher, retriever):
    one, same, other = (
        rollout(searcher, retriever).sample(QUESTIONS, 2, tiny.streams(step)) for step in (1, 1, 2)
    )
    assert one == same
    assert one != other
    kinds = {turn.action.kind for trajectory in one for turn in trajectory.turns}
    assert ActionKind.SEARCH in kinds  # the comparison saw searches


def test_samples_come_question_by_question(searcher, retriever):
    made = rollout(searcher, retriever).sample([tiny.ADA, tiny.BOB], 3, tiny.streams(0))
    assert [(trajectory.question_id, trajectory.sample) for trajectory in made] == [
        ("ada", 0),
        ("ada", 1),
        ("ada", 2),
        ("bob", 0),
        ("bob", 1),
        ("bob", 2),
    ]
    # each has a random stream of its own
    assert len({tuple(trajectory.token_ids) for trajectory in made}) > 2


def test_a_question_that_is_too_long_is_answered_by_nobody_and_disturbs_nobody(searcher, retriever):
    long = replace(tiny.ADA, id="long", question="oslo " * 200)
    for batch_size in (1, 4):
        playing = rollout(searcher, retriever, batch_size)
        made = playing.greedy([long, tiny.ADA, long, tiny.BOB, long])
        assert [trajectory.question_id for trajectory in made] == ["long", "ada", "long", "bob", "long"]
        assert [made[1].token_ids, made[3].token_ids] == [
            t.token_ids for t in playing.greedy([tiny.ADA, tiny.BOB])
        ]
        assert {trajectory.stop_reason for trajectory in made[::2]} == {StopReason.PROMPT_TOO_LONG}
        assert [trajectory.token_ids for trajectory in made[::2]] == [[], [], []]
    assert playing.greedy([long])[0].answer is None


def test_a_share_samples_what_the_whole_would_have(searcher, retriever):
    whole, odd, none = (
        rollout(searcher, retriever).sample(QUESTIONS, 2, tiny.streams(1), part)
        for part in (slice(None), slice(1, None, 2), slice(99, None, 2))
    )
    assert [trajectory.token_ids for trajectory in odd] == [
        trajectory.token_ids for trajectory in whole[1::2]
    ]
    assert none == []


def test_tokens_do_not_depend_on_the_batch_size(searcher, retriever):
    runs = [rollout(searcher, retriever, size).sample(QUESTIONS, 1, tiny.streams(1)) for size in (1, 4, 6)]
    tokens = [[trajectory.token_ids for trajectory in run] for run in runs]
    assert tokens[0] == tokens[1] == tokens[2]


def test_trajectories_hold_together(searcher, retriever):
    for trajectory in rollout(searcher, retriever).sample(QUESTIONS, 4, tiny.streams(5)):
        policy = [segment for segment in trajectory.segments if segment.author is Author.POLICY]
        assert [segment.turn for segment in policy] == list(range(len(trajectory.turns)))
        for segment, turn in zip(policy, trajectory.turns, strict=True):
            assert len(segment.token_ids) == len(segment.log_probs) <= tiny.ENVIRONMENT.max_turn_tokens
            assert WORD.decode(segment.token_ids, skip_special_tokens=True) == turn.text
        assert len(trajectory.token_ids) <= tiny.ENVIRONMENT.max_trajectory_tokens


def test_what_is_recorded_is_what_the_retriever_finds(searcher, retriever):
    for trajectory in rollout(searcher, retriever).sample(QUESTIONS, 2, tiny.streams(0)):
        for turn in trajectory.searches:
            hits = retriever.search([turn.action.text], tiny.ENVIRONMENT.passages_per_search)[0]
            assert turn.passage_ids == tuple(hit.passage.id for hit in hits)


def test_greedy_is_one_trajectory_a_question_whatever_the_batch(searcher, retriever):
    runs = [rollout(searcher, retriever, size).greedy(QUESTIONS) for size in (1, 4)]
    assert [trajectory.token_ids for trajectory in runs[0]] == [
        trajectory.token_ids for trajectory in runs[1]
    ]
    assert runs[0][0].token_ids == runs[0][2].token_ids  # the same question again


def test_a_failed_search_marks_those_that_searched_and_no_others(searcher, retriever):
    good = rollout(searcher, retriever, 32).sample(QUESTIONS, 5, tiny.streams(0))
    failing = Failing(retriever, first=2)  # the second turn of the only batch
    made = rollout(searcher, failing, 32).sample(QUESTIONS, 5, tiny.streams(0))
    failed = [trajectory for trajectory in made if trajectory.stop_reason is StopReason.RETRIEVAL_FAILED]
    assert sorted(trajectory.turns[-1].action.text for trajectory in failed) == sorted(failing.asked)
    assert 0 < len(failed) < len(made)
    for before, after in zip(good, made, strict=True):
        if after.stop_reason is StopReason.RETRIEVAL_FAILED:
            assert after.turns[-1].action.kind is ActionKind.SEARCH
            assert after.turns[-1].passage_ids == ()
            assert after.token_ids == before.token_ids[: len(after.token_ids)]
        else:
            assert after == before


@pytest.mark.slow
def test_every_episode_is_told_at_its_end_those_that_were_never_asked_too(searcher, retriever):
    too_long = replace(tiny.ADA, id="long", question=" ".join(["where"] * 200))
    player, told = rollout(searcher, retriever, batch_size=2), []

    def ended(episode):
        assert episode.done
        told.append(episode)

    episodes = [Episode(asked, 0, player.renderer) for asked in (*QUESTIONS, too_long)]
    made = player.play(episodes, ended=ended)
    assert told[0].question is too_long
    assert sorted(map(id, told)) == sorted(map(id, episodes))
    assert [episode.trajectory for episode in episodes] == made


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 3])
def test_delays_change_the_order_of_events_and_no_bit_of_a_trajectory(searcher, retriever, workers):
    def run(source):
        made = rollout(searcher, source, batch_size=5)
        made.params.retrieval_workers = workers
        return made.sample(QUESTIONS, 2, tiny.streams(1))

    expected = run(retriever)
    assert sum(len(trajectory.searches) for trajectory in expected) > 10
    for seed in range(2):
        assert run(Delayed(retriever, seed)) == expected


def test_an_engine_that_breaks_loses_the_trajectories_it_held_and_goes_on(searcher, retriever):
    good = rollout(searcher, retriever).sample(QUESTIONS, 2, tiny.streams(0))
    broken = rollout(searcher, retriever)
    broken.engine = Breaking(broken.engine, passes={9, 30})
    made = broken.sample(QUESTIONS, 2, tiny.streams(0))
    failed = [trajectory.stop_reason is StopReason.ENGINE_FAILED for trajectory in made]
    assert 2 <= sum(failed) <= 8  # two sessions of four slots
    for before, after, lost in zip(good, made, failed, strict=True):
        assert lost or before == after


def test_samples_of_a_question_share_its_prefill(searcher, retriever):
    made = rollout(searcher, retriever, batch_size=8)
    counted = []

    def counting(model, token_ids, pass_):
        counted.append(len(token_ids) - pass_.padding)
        return last_states(model, token_ids, pass_)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transformers_engine, "last_states", counting)
        together = made.sample([tiny.ADA, tiny.BOB], 4, tiny.streams(0))
    prompts = [made.renderer.prompt(question.question) for question in (tiny.ADA, tiny.BOB)]
    assert counted[0] == len(prompts[0]) + len(prompts[1])  # each once, for four slots
    alone = [
        one
        for start in range(8)
        for one in made.sample([tiny.ADA, tiny.BOB], 4, tiny.streams(0), slice(start, start + 1))
    ]
    assert alone == together


def test_no_questions_are_no_trajectories(searcher, retriever):
    assert (
        rollout(searcher, retriever).sample([], 2, tiny.streams(0))
        == rollout(searcher, retriever).greedy([])
        == []
    )


def test_an_engine_that_cannot_open_a_session_fails_those_that_wanted_one(searcher, retriever):
    closed = rollout(searcher, retriever)
    closed.engine = Closed(closed.engine, sessions=0)
    made = closed.sample(QUESTIONS, 2, tiny.streams(0))
    assert {trajectory.stop_reason for trajectory in made} == {StopReason.ENGINE_FAILED}
    assert all(len(trajectory.segments) == 1 for trajectory in made)
    closed.engine.sessions = 1
    assert closed.sample(QUESTIONS, 2, tiny.streams(0)) == rollout(searcher, retriever).sample(
        QUESTIONS, 2, tiny.streams(0)
    )
