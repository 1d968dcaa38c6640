from stepsearch_core.agent_server.metrics import AgentMetrics
from stepsearch_core.base.types import (
    Action,
    ActionKind,
    Author,
    Segment,
    StopReason,
    Trajectory,
    Turn,
)
from stepsearch_core.environment.search_environment import Episode
from stepsearch_core.rollout.sources import Arrivals
from tests import tiny
from tests.stepsearch_core.agent_server.conftest import RENDERER, metric


def test_a_question_that_has_ended_is_counted_with_its_tokens():
    metrics = AgentMetrics()
    segments = [Segment(Author.PROMPT, 0, [1, 2, 3]), Segment(Author.POLICY, 0, [4, 5])]
    turn = Turn(Action(ActionKind.SEARCH, "ada"), "ada")
    metrics.ended(Trajectory("asked", 0, segments, [turn], StopReason.GIVEN_UP), 0.2)
    page = metrics.page().decode()
    assert metric(page, 'stepsearch_questions_total{stop_reason="given_up"}') == 1
    assert metric(page, "stepsearch_searches_total") == 1
    assert metric(page, 'stepsearch_tokens_total{kind="prompt"}') == 3
    assert metric(page, 'stepsearch_tokens_total{kind="completion"}') == 2
    assert metric(page, 'stepsearch_question_seconds_bucket{le="0.1"}') == 0
    assert metric(page, 'stepsearch_question_seconds_bucket{le="0.25"}') == 1


def test_who_waits_and_who_has_a_slot_is_looked_up_when_it_is_asked_for():
    metrics, arrivals = AgentMetrics(), Arrivals(9, lambda entry: None)
    metrics.watch(arrivals)
    for _ in range(3):
        arrivals.put(Episode(tiny.ADA, 0, RENDERER))
    arrivals.take(wait=False)
    page = metrics.page().decode()
    assert metric(page, "stepsearch_queue_questions") == 2
    assert metric(page, "stepsearch_slots_taken") == 1
