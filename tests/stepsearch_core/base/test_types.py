from stepsearch_core.base.types import (
    FAILURES,
    Action,
    ActionKind,
    Author,
    Hop,
    InvalidReason,
    Passage,
    Question,
    Segment,
    StopReason,
    Trajectory,
    Turn,
)

SEARCH = Turn(Action(ActionKind.SEARCH, "ada born"), "<search> ada born </search>", ("p1", "p2"))
INVALID = Turn(Action.invalid(InvalidReason.NO_ACTION), "hm")
ANSWER = Turn(Action(ActionKind.ANSWER, "Oslo"), "<answer> Oslo </answer>")


def question(*hops):
    return Question("q", "musique", "dev", "Where?", ("Oslo", "Kristiania"), hops)


def test_a_passage_is_indexed_with_its_title_if_it_has_one():
    assert Passage("1", "Oslo", "A city.").contents == "Oslo\nA city."
    assert Passage("1", "", "A city.").contents == "A city."


def test_supports_of_a_question_come_once_in_the_order_of_its_hops():
    hops = Hop("a", "x", ("p2", "p1")), Hop("b", "y", ()), Hop("c", "z", ("p1", "p3"))
    assert question(*hops).support_ids == ("p2", "p1", "p3")
    assert question().support_ids == ()


def test_a_decomposition_has_a_sub_question_at_every_hop():
    assert question(Hop("a", "x"), Hop("b", "y")).has_decomposition
    assert not question(Hop("a", "x"), Hop("", "")).has_decomposition
    assert not question().has_decomposition


def test_the_tokens_of_a_trajectory_and_who_wrote_them():
    made = Trajectory(
        "q",
        0,
        [
            Segment(Author.PROMPT, 0, [1, 2]),
            Segment(Author.POLICY, 0, [3, 4, 5], [-0.1, -0.2, -0.3]),
            Segment(Author.ENVIRONMENT, 0, [6]),
            Segment(Author.POLICY, 1, [7], [-0.4]),
        ],
    )
    assert made.token_ids == [1, 2, 3, 4, 5, 6, 7]
    assert made.policy_mask == [False, False, True, True, True, False, True]
    assert made.log_probs == [-0.1, -0.2, -0.3, -0.4]
    assert made.response_length == 5


def test_searches_and_answer_of_a_trajectory():
    made = Trajectory("q", 0, turns=[SEARCH, INVALID, SEARCH, ANSWER])
    assert made.searches == [SEARCH, SEARCH]
    assert made.answer == "Oslo"
    assert Trajectory("q", 0, turns=[ANSWER, SEARCH]).answer is None
    assert Trajectory("q", 0).answer is None


def test_an_invalid_action_says_why():
    action = Action.invalid(InvalidReason.EMPTY_SEARCH)
    assert (action.kind, action.text) == (ActionKind.INVALID, "empty <search>")
    assert action.reason is InvalidReason.EMPTY_SEARCH


def test_what_the_policy_may_do_is_no_failure():
    own = {StopReason.ANSWERED, StopReason.TURN_LIMIT, StopReason.LENGTH_LIMIT}
    assert set(FAILURES) == set(StopReason) - own
