"""Rollouts that search a service: what it finds, how it fails, and that nothing else changes."""

import time

import pytest

from stepsearch_core.base.types import StopReason
from stepsearch_core.environment.prompts import STYLES
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.params import RetrievalParams, RolloutParams
from stepsearch_core.retrieval.index import open_retriever
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.sampling.scripted_engine import ScriptedEngine
from tests import tiny
from tests.services import BUSY, TROUBLES, Service, is_silent, retrieval

WORD = tiny.tokenizer()
GRAMMAR = STYLES["minimal"].grammar
SCRIPTS = [
    [GRAMMAR.search_turn("", first), GRAMMAR.search_turn("", second, 2), GRAMMAR.answer_turn("", "norway")]
    for first, second in (("ada born", "oslo lies"), ("chess", "rome"), ("unknown", "bob")) * 4
]


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    return tiny.retriever(tmp_path_factory.mktemp("index"))


@pytest.fixture
def play(local):
    """Trajectories that search `local`, or what the service at `url` finds."""

    def played(url=None, patience=20.0):
        params = RetrievalParams(method="remote", url=url, patience=patience)
        retriever = open_retriever(params, "nowhere", local.corpus) if url else local
        renderer = Renderer(WORD, tiny.environment())
        limits = RolloutParams(batch_size=4, retrieval_workers=2, retrieval_attempts=5)
        rollout = Rollout(ScriptedEngine(renderer, SCRIPTS), retriever, renderer, limits)
        return rollout.sample([tiny.ADA, tiny.BOB] * 3, 2, tiny.streams(0))

    return played


@pytest.mark.slow
def test_trajectories_are_those_of_a_search_in_process_whatever_troubles_the_service_has(local, play):
    expected = play()
    assert all(len(turn.passage_ids) == 2 for made in expected[:2] for turn in made.searches)
    with Service(retrieval(local), [None, *TROUBLES.values()]) as service:
        assert play(service.url) == expected
        assert service.script == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("trouble", "reason"),
    [(BUSY, StopReason.RETRIEVAL_FAILED), (is_silent, StopReason.RETRIEVAL_TIMEOUT)],
)
def test_a_service_that_does_not_come_back_ends_the_first_search_late_and_the_others_at_once(
    local, play, trouble, reason
):
    with Service(retrieval(local), [None, *[trouble] * 1000]) as service:
        started = time.monotonic()
        made = play(service.url, patience=0.3)
        assert time.monotonic() - started < 5  # and not 12 times 5 times the patience
        assert len(service.asked) < 20
    assert {trajectory.stop_reason for trajectory in made} <= {reason, StopReason.RETRIEVAL_FAILED}
    assert made[0].stop_reason is reason
    assert len(made) == len(SCRIPTS)
    assert not any(turn.passage_ids for trajectory in made for turn in trajectory.turns)
