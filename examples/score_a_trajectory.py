"""What a trajectory earns, and on which tokens: two searches and an answer, in numbers to check by hand.

    python examples/score_a_trajectory.py

The second search finds the first one's passage again, so it gains half and repeats half:

    turn 0  <search> ada born </search>    finds "born"            gain 1/2, nothing repeated, key F1 1
    turn 1  <search> lies </search>        finds "born", "lies"    gain 1/2, 1 of 2 repeated,  key F1 2/3
    turn 2  <answer> norway </answer>      right                   answer F1 1

No model takes part: tokens are numbers, and it does not matter which.
"""

from __future__ import annotations

from stepsearch_core.base.types import (
    Action,
    ActionKind,
    Author,
    Hop,
    Passage,
    Question,
    Segment,
    Trajectory,
    Turn,
)
from stepsearch_core.params import RewardParams
from stepsearch_core.retrieval.similarity import TfidfSimilarity
from stepsearch_core.rewards.breakdown import score
from stepsearch_core.rewards.composition import token_rewards

PASSAGES = [
    Passage("born", "Ada", "Ada: Oslo"),
    Passage("lies", "Norway", "capital city"),
]  # no word in common
QUESTION = Question(
    id="q",
    dataset="example",
    split="test",
    question="In which country was Ada born?",
    answers=("Norway",),
    hops=(
        Hop("where was Ada born", "Oslo", support_ids=("born",), search_keys=("ada born",)),
        Hop("where lies Oslo", "Norway", support_ids=("lies",), search_keys=("oslo lies",)),
    ),
)
WEIGHTS = RewardParams(
    answer_weight=1.0, search_key_weight=0.6, information_gain_weight=1.0, redundancy_weight=0.2
)


def trajectory() -> Trajectory:
    """As a rollout makes it: what was done in each turn, and who wrote which tokens."""
    search = ActionKind.SEARCH
    turns = [
        Turn(Action(search, "ada born", has_think=True), "...", passage_ids=("born",)),
        Turn(Action(search, "lies", has_think=True), "...", passage_ids=("born", "lies")),
        Turn(Action(ActionKind.ANSWER, "norway", has_think=True), "..."),
    ]
    segments = [
        Segment(Author.PROMPT, 0, [1, 2, 3]),
        Segment(Author.POLICY, 0, [4, 5]),
        Segment(Author.ENVIRONMENT, 0, [6, 7]),
        Segment(Author.POLICY, 1, [8, 9]),
        Segment(Author.ENVIRONMENT, 1, [10, 11]),
        Segment(Author.POLICY, 2, [12]),
    ]
    return Trajectory(QUESTION.id, 0, segments, turns)


def main() -> list[float]:
    """Print every term of the reward and where it sits; returns the reward of each token."""
    made = trajectory()
    earned = score(made, QUESTION, TfidfSimilarity.fit(PASSAGES))
    print(f"answer F1 {earned.answer:.2f}, search keys {earned.search_key:.2f}, format {earned.format_ok}")
    for step in earned.step_rewards:
        print(
            f"search in turn {step.turn}: gain {step.information_gain:.2f}, redundancy {step.redundancy:.2f}"
        )
    rewards = token_rewards(made, earned, WEIGHTS).tolist()
    for token, mine, reward in zip(made.token_ids, made.policy_mask, rewards, strict=True):
        print(f"token {token:2}  {'policy' if mine else '-':6}  {reward:+.2f}")
    return rewards


if __name__ == "__main__":
    main()
