from types import SimpleNamespace

import numpy as np
import pytest

from stepsearch_core.base.types import Author, Passage
from stepsearch_core.params import RewardParams, TrainParams
from stepsearch_core.retrieval.similarity import TfidfSimilarity
from stepsearch_core.rewards.breakdown import Scorer
from stepsearch_core.training.credit import Crediting
from stepsearch_core.training.kept import KeptRecords, token_texts
from tests.oracles.episodes import answer, question, search, trajectory

PASSAGES = {name: Passage(name, name, f"text of {name}") for name in ("gold", "other")}


def experience_of(played):
    """Tokens worth their number, valued at a half of it, twice as likely as at the start."""
    counts = [len(made.log_probs) for made in played]
    return SimpleNamespace(
        trajectories=played,
        rewards=[np.arange(count, dtype=float)[:, None] for count in counts],
        old_values=[np.arange(count)[:, None] / 2 for count in counts],
        advantages=[np.arange(count) + 0.25 for count in counts],
        old_log_probs=[np.full(count, np.log(0.5)) for count in counts],
        reference_log_probs=[np.full(count, np.log(0.25)) for count in counts],
    )


def kept(step, algorithm="steppo", has_reference=True, learnt_from=slice(None)):
    params = TrainParams(algorithm=algorithm, validate_every=10, logged_trajectories=2)
    scorer = Scorer(TfidfSimilarity.fit(PASSAGES.values()), {"q": question((["gold"], ["key"]))})
    played = [trajectory(search("key", "gold"), answer(text)) for text in ("Paris", "Rome", "Paris")]
    records = KeptRecords(
        params,
        scorer,
        Crediting(params, RewardParams()),
        PASSAGES.__getitem__,
        lambda ids: " ".join(map(str, ids)),
        has_reference=has_reference,
    )
    return records(step, played, experience_of(played[learnt_from])), played


def test_the_first_step_and_those_with_a_validation_are_kept():
    assert {step for step in range(1, 31) if kept(step)[0]} == {1, 10, 20, 30}


def test_so_many_records_with_the_number_of_their_step():
    rows, _ = kept(20)
    assert [(row["step"], row["prediction"], row["f1"]) for row in rows] == [
        (20, "Paris", 1.0),
        (20, "Rome", 0.0),
    ]
    assert [turn["information_gain"] for turn in rows[0]["turns"]] == [1.0, None]


def test_every_token_after_the_prompt_with_what_the_update_was_told_of_those_of_the_policy():
    rows, played = kept(20)
    tokens, count = rows[0]["tokens"], len(played[0].log_probs)
    shown = [segment for segment in played[0].segments if segment.author is not Author.PROMPT]
    assert [part["author"] for part in tokens["segments"]] == [segment.author.value for segment in shown]
    assert [len(part["texts"]) for part in tokens["segments"]] == [len(part.token_ids) for part in shown]
    assert sum(len(part["texts"]) for part in tokens["segments"] if part["author"] == "policy") == count
    assert tokens["reward"] == list(range(count))
    assert tokens["value"] == [token / 2 for token in range(count)]
    assert tokens["advantage"] == [token + 0.25 for token in range(count)]
    assert tokens["log_prob"] == pytest.approx([-0.6931] * count)
    assert tokens["log_ratio"] == pytest.approx([0.6931] * count)
    assert tokens["kl"] == pytest.approx([0.1931] * count)  # k3: 1/2 - 1 + log 2


def test_there_is_no_value_without_a_critic_and_no_ratio_without_a_reference():
    rows, _ = kept(20, "grpo", has_reference=False)
    assert rows[0]["tokens"].keys() == {"segments", "reward", "advantage", "log_prob"}


def test_what_nothing_was_learnt_from_has_no_tokens():
    rows, _ = kept(20, learnt_from=slice(1, None))
    assert ["tokens" in row for row in rows] == [False, True]


def test_a_character_of_several_tokens_stands_at_its_last_one():
    def decode(ids):
        return bytes(ids).decode(errors="replace")

    assert token_texts(list("aé€".encode()), decode) == ["a", "", "é", "", "", "€"]
    assert token_texts(list("é".encode())[:1], decode) == ["\ufffd"]
