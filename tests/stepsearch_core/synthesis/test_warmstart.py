from collections import Counter

import pytest

from stepsearch_core.params import EnvironmentParams, SynthesizeParams
from stepsearch_core.synthesis.sub_questions import parse_steps
from stepsearch_core.synthesis.synthesize import mine_phrasings
from stepsearch_core.synthesis.warmstart import make_trajectories


@pytest.fixture(scope="module")
def mined(world):
    return mine_phrasings(world.questions, world.corpus)


def trajectories(world, mined, seed=0, searches=5, **shares):
    params = SynthesizeParams(**{"trajectories": 300, **shares})
    environment = EnvironmentParams(max_searches=searches, passages_per_search=2)
    questions, corpus = world.questions[:120], world.corpus
    return make_trajectories(questions, mined, params, environment, world.retriever, corpus.get, seed)


PERFECT = {"bare_query_share": 0.0, "retry_share": 1.0, "skipped_hop_share": 0.0, "repeated_search_share": 0.0}


def test_a_seed_fixes_everything(world, mined):
    assert trajectories(world, mined) == trajectories(world, mined)
    assert trajectories(world, mined) != trajectories(world, mined, seed=1)


def test_questions_are_used_in_turn(world, mined):
    uses = Counter(trajectory.question_id for trajectory in trajectories(world, mined))
    assert len(uses) == 120
    assert set(uses.values()) == {2, 3}


def test_results_are_the_retriever_s_own(world, mined):
    turns = [turn for trajectory in trajectories(world, mined) for turn in trajectory.searches]
    hits = world.retriever.search([turn.query for turn in turns], 2)
    assert [turn.passage_ids for turn in turns] == [tuple(hit.passage.id for hit in found) for found in hits]


@pytest.mark.parametrize("searches", [1, 3, 5])
def test_no_more_searches_than_allowed(world, mined, searches):
    counts = Counter(len(t.searches) for t in trajectories(world, mined, searches=searches, **PERFECT))
    assert min(counts) >= 1
    assert max(counts) == searches


def test_hops_are_searched_in_order_to_the_last_or_until_no_search_is_left(world, mined):
    questions = {question.id: question for question in world.questions}
    for trajectory in trajectories(world, mined, **PERFECT):
        thoughts = [sub_question.thought for sub_question in parse_steps(questions[trajectory.question_id])]
        searched = list(dict.fromkeys(turn.think for turn in trajectory.searches))
        assert searched == thoughts[: len(searched)]
        assert searched == thoughts or len(trajectory.searches) == 5


def test_solved_means_that_the_last_hop_s_support_was_shown_and_the_answer_is_right(world, mined):
    questions = {question.id: question for question in world.questions}
    solved = 0
    for trajectory in trajectories(world, mined):
        question = questions[trajectory.question_id]
        last_thought = parse_steps(question)[-1].thought
        shown = {sid for turn in trajectory.searches if turn.think == last_thought for sid in turn.passage_ids}
        assert trajectory.solved == bool(shown.intersection(question.steps[-1].support_ids))
        if trajectory.solved:
            assert trajectory.answer == question.answers[0]
        solved += trajectory.solved
    assert 0.3 < solved / 300 < 0.95


def test_a_guess_was_read_in_the_last_results(world, mined):
    guesses = [t for t in trajectories(world, mined, bare_query_share=1.0, retry_share=0.0) if not t.solved]
    assert guesses
    for trajectory in guesses:
        last = [world.corpus.get(identifier) for identifier in trajectory.searches[-1].passage_ids]
        assert any(trajectory.answer in passage.contents for passage in last)


def test_bare_queries_are_entities_and_others_add_one_or_two_mined_words(world, mined):
    questions = {question.id: question for question in world.questions}
    words = Counter()
    for share, allowed in ((1.0, {0}), (0.0, {1, 2})):
        for trajectory in trajectories(world, mined, bare_query_share=share, retry_share=0.0, skipped_hop_share=0.0):
            by_thought = {sub.thought: sub for sub in parse_steps(questions[trajectory.question_id])}
            for turn in trajectory.searches:
                sub_question = by_thought[turn.think]
                added = turn.query.removeprefix(sub_question.entity).split()
                assert len(added) in allowed
                assert set(added) <= set(mined[sub_question.relation])
                words[len(added)] += 1
    assert 0.8 < words[1] / words[2] < 1.25


def test_shares_are_the_shares_asked_for(world, mined):
    perfect = trajectories(world, mined, **PERFECT, **{"trajectories": 600})
    assert not any(_repeats(trajectory) for trajectory in perfect)
    repeating = trajectories(world, mined, **{**PERFECT, "repeated_search_share": 1.0, "retry_share": 0.0})
    assert all(turns[0::2] == turns[1::2] for turns in (t.searches for t in repeating) if len(turns) % 2 == 0)
    skipping = trajectories(world, mined, **{**PERFECT, "skipped_hop_share": 1.0})
    assert all(len({turn.think for turn in trajectory.searches}) == 1 for trajectory in skipping)
    bare = [t.searches[0].query for t in trajectories(world, mined, trajectories=2000, bare_query_share=0.7)]
    entities = {step.sub_question.split(" >> ")[0] for question in world.questions for step in question.steps}
    assert sum(query in entities for query in bare) / 2000 == pytest.approx(0.7, abs=0.04)


def test_json_has_the_answer_as_its_last_turn(world, mined):
    trajectory = trajectories(world, mined)[0]
    value = trajectory.to_json()
    assert set(value) == {"question_id", "turns", "solved"}
    assert value["turns"][-1] == {"think": "", "answer": trajectory.answer}
    assert [turn["query"] for turn in value["turns"][:-1]] == [turn.query for turn in trajectory.searches]


def _repeats(trajectory):
    queries = [turn.query for turn in trajectory.searches]
    return len(set(queries)) < len(queries)
