import asyncio
import logging

import pytest

from stepsearch_core.agent_server.agent import Agent
from stepsearch_core.agent_server.episodes import Asked
from stepsearch_core.agent_server.metrics import AgentMetrics
from stepsearch_core.agent_server.settings import AgentSettings
from stepsearch_core.serving.refusals import RefusalError
from tests.stepsearch_core.agent_server.conftest import ANSWER, SEARCH, metric
from tests.stepsearch_core.rollout.troubles import Gated

WHERE = Asked("where lies the birthplace of ada")


def agent(rollout, **settings):
    """An agent, and its metrics."""
    metrics = AgentMetrics()
    return Agent(rollout, AgentSettings(**settings), metrics), metrics


async def answer(asked_agent, asked=WHERE):
    with asked_agent.ask(asked) as asking:
        turns = [turn async for turn in asking.turns()]
    return asking.episode.trajectory.answer, [turn.query for turn in turns]


def test_turns_come_one_by_one_and_then_the_answer(rollout):
    served, metrics = agent(rollout([[SEARCH, ANSWER]]))

    async def ask():
        async with served:
            return await answer(served)

    assert asyncio.run(ask()) == ("oslo", ["ada born", None])
    page = metrics.page().decode()
    assert metric(page, 'stepsearch_questions_total{stop_reason="answered"}') == 1
    assert metric(page, "stepsearch_searches_total") == 1


def test_what_nobody_has_foreseen_ends_those_with_a_slot_and_no_others(rollout, caplog):
    """The first script ends too early, which is a mistake of the script's and none of the engine's."""
    served, _ = agent(rollout([["nonsense"], [ANSWER]]))

    async def ask():
        async with served:
            with pytest.raises(RefusalError, match="the server's log says why") as failed:
                await answer(served)
            return failed.value, await answer(served)

    failed, played = asyncio.run(ask())
    assert (failed.status, failed.word) == (503, "engine_failed")
    assert played == ("oslo", [None])
    assert [record.exc_info for record in caplog.records if record.levelno >= logging.ERROR] != [None]


def test_a_burst_into_free_slots_is_not_refused(rollout):
    served, _ = agent(rollout([], slots=2), queue=1)

    async def ask():
        for _ in range(3):  # nobody plays yet: all wait, as within one pass of the engine
            served.ask(WHERE)
        with pytest.raises(RefusalError, match="3 wait already") as refused:
            served.ask(WHERE)
        return refused.value.status

    assert asyncio.run(ask()) == 429


def test_the_end_gives_up_whoever_still_waits_and_lets_nobody_in(rollout, retriever):
    gated = Gated(retriever)
    served, metrics = agent(rollout([[SEARCH, ANSWER]], gated, slots=1))

    async def ask():
        async with served:
            askings = [served.ask(WHERE) for _ in range(2)]
            await asyncio.to_thread(gated.asked.wait, 30)
        refused = []
        for asking in askings:
            with pytest.raises(RefusalError) as failed:
                _ = [turn async for turn in asking.turns()]
            refused.append((failed.value.status, failed.value.word))
        with pytest.raises(RefusalError) as failed:
            served.ask(WHERE)
        return refused, failed.value.status

    assert asyncio.run(ask()) == ([(503, "given_up")] * 2, 429)
    gated.gate.set()
    assert metric(metrics.page().decode(), "stepsearch_slots_taken") == 0


def test_leaving_gives_up_and_another_has_the_slot(rollout, retriever):
    gated = Gated(retriever)
    served, metrics = agent(rollout([[SEARCH, ANSWER], [ANSWER]], gated, slots=1))

    async def ask():
        async with served:
            with served.ask(WHERE):
                await asyncio.to_thread(gated.asked.wait, 30)
            said = await answer(served)
        assert not served._thread.is_alive()  # nobody waits for a search that was given up
        return said

    assert asyncio.run(ask()) == ("oslo", [None])
    assert metric(metrics.page().decode(), 'stepsearch_questions_total{stop_reason="given_up"}') == 1
    gated.gate.set()


def test_a_question_that_fits_nowhere_is_refused_before_it_waits(rollout):
    served, metrics = agent(rollout([]), question=600)

    async def refusals():
        async with served:
            said = []
            for question in ("oslo " * 119, "o" * 601):
                with pytest.raises(RefusalError) as refused:
                    served.ask(Asked(question))
                said.append((refused.value.status, refused.value.word, refused.value.message))
            return said

    assert asyncio.run(refusals()) == [
        (
            400,
            "context_length_exceeded",
            "the question makes a prompt of 121 tokens; beside a turn there is room for 116",
        ),
        (400, "context_length_exceeded", "the question has 601 characters; this server takes 600"),
    ]
    assert b"stepsearch_questions_total{" not in metrics.page()
