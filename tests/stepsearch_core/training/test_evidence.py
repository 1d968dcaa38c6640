from stepsearch_core.training.evidence import gold_shown_before, token_turns, turns_and_evidence
from tests.oracles.episodes import answer, invalid, question, search, trajectory


def test_turns_of_tokens_and_evidence_before_turns():
    made = trajectory(search("a", "g1", "x"), invalid(), search("b", "g1", "g2"), answer("c"))
    assert token_turns(made).tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    asked = question((["g1"], []), (["g2", "g3"], []))
    assert gold_shown_before(made, asked).tolist() == [0, 1, 1, 2]
    assert gold_shown_before(made, question()).tolist() == [0, 0, 0, 0]
    [turns], [evidence] = turns_and_evidence([made], {"q": asked})
    assert turns.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert evidence.tolist() == [0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2]
