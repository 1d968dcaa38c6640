import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.environment.prompts import RELEASED
from stepsearch_core.rewards.released import KEY_WEIGHT, score_text
from tests.oracles import released_rewards

GOLDS = ["alpha beta", "gamma delta"]
KEYS = [["capital of france", "france capital"], ["population of paris"]]
ANSWER = "<answer>Paris</answer>"
WARNING = RELEASED.invalid_notice


def information(*documents):
    shown = "\n".join(
        f"Doc {rank}<## Title: T{rank} ##> {text}" for rank, text in enumerate(documents, start=1)
    )
    return f"\n\n<information> {shown} </information>\n\n"


def a_round(query, *documents):
    return f"<plan> p </plan> <search> {query} </search>{information(*documents)}"


def released(text, answers=("Paris",), golds=GOLDS, keys=KEYS):
    return score_text(text, answers, golds, keys)


def final(scored):
    """The reward of the last token."""
    return scored.answer + KEY_WEIGHT * scored.search_key


def step_rewards(scored):
    return [reward.information_gain - reward.redundancy for reward in scored.rounds]


WHOLE = (
    a_round("capital of France", "alpha beta", "gamma delta", "eps zeta")
    + a_round("Paris population", "gamma delta", "alpha beta", "eps zeta")
    + ANSWER
)


@pytest.mark.parametrize(
    ("predicted", "golds", "f1"),
    [
        ("The Eiffel Tower, Paris", ["Eiffel Tower"], 0.8),  # 2 * 2 / (3 + 2)
        ("eiffel", ["Eiffel Tower", "Tour Eiffel"], 0.6667),  # 2 * 1 / (1 + 2), to four digits
        ("", [""], 0.0),
    ],
)
def test_answers(predicted, golds, f1):
    assert released(f"<answer> {predicted} </answer>", golds).answer == f1


@pytest.mark.parametrize(
    ("queries", "key"),
    [
        (["capital of France", "Paris population"], 0.9),
        (["capital of France", "Paris population", "france"], 0.73335),  # .6667 takes the place of 1
        (["capital of france and population of paris"], 0.3),  # .6 for one group, nothing for the other
        (["weather"], 0.0),
    ],
)
def test_keys(queries, key):
    text = "".join(f"<search> {query} </search>" for query in queries) + ANSWER
    assert released(text).search_key == pytest.approx(key, abs=1e-12)


def test_groups_without_keys_count_and_no_groups_earn_nothing():
    assert released("<search>a b</search>" + ANSWER, keys=[["a b"], []]).search_key == 0.5
    assert released("<search>a b</search>" + ANSWER, keys=[]).search_key == 0.0


def bare_round(*documents):
    """A round whose passages carry no rank of the one behind them."""
    return (
        f"<search>q</search><information>{''.join(f'<## T ##> {text} ' for text in documents)}</information>"
    )


def test_information_gain_and_redundancy():
    # three texts a fit: a = ln(4/3) + 1 = 1.28768 for alpha, gamma; b = ln(4/2) + 1 = 1.69315 for beta,
    # delta; "alpha gamma" with each gold: a / (sqrt(2) sqrt(aa + bb)) = .42805
    rounds = [
        ("alpha beta", "zeta eta", "theta iota"),
        ("alpha beta", "alpha gamma", "kappa lambda"),
        ("gamma delta", "mu nu", "xi omicron"),
    ]
    scored = released("".join(bare_round(*documents) for documents in rounds) + ANSWER)
    assert [reward.information_gain for reward in scored.rounds] == pytest.approx(
        [0.5, 0.21402302, 0.28597698], abs=1e-8
    )
    assert [reward.redundancy for reward in scored.rounds] == pytest.approx([0.0, 1 / 3, 0.0])
    assert step_rewards(scored) == pytest.approx([0.5, -0.11931, 0.28598], abs=1e-5)


def test_whole_sample():
    scored = released(WHOLE)
    # round 1: "alpha beta doc" against "alpha beta": sqrt(2) a / sqrt(2 aa + bb) = 1.82106 / 2.48656
    assert step_rewards(scored) == pytest.approx([0.73236, -1 / 3], abs=1e-5)
    assert [1.6 * reward for reward in step_rewards(scored)] == pytest.approx([1.17177, -0.53333], abs=1e-5)
    assert final(scored) == pytest.approx(1.5562, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "last"),
    [
        (WHOLE + " done", -1.0),
        ("", -1.0),
        ("<answer>Paris</answer>", 1.0),
        ("<answer>Rome</answer> <answer>Paris</answer>\n", 1.0),
        ("<answer>Paris<answer>", -1.0),
    ],
)
def test_format(text, last):
    scored = released(text)
    assert final(scored) == last
    assert scored.rounds == ()
    assert scored.format_ok == (last == 1.0)


def test_a_repeat_within_a_round_counts():
    # of three equal texts the first two carry "Doc 2" and "Doc 3"
    assert [reward.redundancy for reward in released(a_round("q", "a b", "a b", "a b") + ANSWER).rounds] == [
        0.0
    ]
    text = bare_round("a b", "a b", "c") + ANSWER
    assert [reward.redundancy for reward in released(text).rounds] == [pytest.approx(1 / 3)]


def test_the_rank_of_the_next_document_hides_repeats():
    # [A, B, C], then [B, A, C]: only C, without a rank behind it, is known
    text = a_round("q", "alpha beta", "gamma delta", "eps zeta") + a_round(
        "q", "gamma delta", "alpha beta", "eps zeta"
    )
    assert released(text + ANSWER).rounds[1].redundancy == pytest.approx(1 / 3)


def test_the_rank_of_the_next_document_leaves_a_gain_for_a_repeat():
    # .73236 each at ranks 1 and 2, then one of them at the last rank: (1 - .73236) / 2
    text = a_round("q", "alpha beta", "gamma delta", "eps") + a_round("q", "eps zeta", "eta", "alpha beta")
    gains = [reward.information_gain for reward in released(text + ANSWER).rounds]
    assert gains == pytest.approx([0.73236, 0.13382], abs=1e-5)


def test_a_warning_is_a_search_for_and():
    groups = [["salt and pepper of old mills"], ["x"]]
    good = "<search> salt and pepper of old mills </search>"
    assert released(good + ANSWER, keys=groups).search_key == 0.5
    # "and" takes its place: 2 * 1 / (1 + 6) = .2857, halved
    assert released(good + WARNING + ANSWER, keys=groups).search_key == pytest.approx(0.143, abs=5e-4)


def test_a_cut_observation_merges_two_rounds():
    first = a_round("one", "alpha beta", "zeta eta").removesuffix("</information>\n\n")
    scored = released(first + a_round("two", "kappa", "gamma delta") + ANSWER)
    assert len(scored.rounds) == 1
    assert scored.rounds[0].position == first.index("</search>")
    assert scored.rounds[0].information_gain == pytest.approx((0.73236 + 1) / 2, abs=1e-5)


def test_unrelated_text_earns_a_gain():
    gold = "the river flows through the old town and joins the sea in the north"
    other = "the singer was born in the capital and sang in the opera through the war"
    assert released(a_round("q", other) + ANSWER, golds=[gold]).rounds[0].information_gain > 0.1


def test_texts_of_single_letters_break_it():
    with pytest.raises(ValueError, match="empty vocabulary"):
        released(a_round("q", "x") + ANSWER, golds=["y"])


def test_without_gold_passages_there_are_no_rounds():
    scored = released(WHOLE, golds=[])
    assert scored.rounds == ()
    assert final(scored) == pytest.approx(1.5562)


WORDS = st.sampled_from(["alpha", "beta", "gamma", "the", "capital", "france", "Paris!", "x1"])
SENTENCES = st.lists(WORDS, min_size=1, max_size=5).map(" ".join)
PIECES = st.one_of(
    SENTENCES,
    st.sampled_from(
        ["<search>", "</search>", "<information>", "</information>", "<answer>", "</answer>", "##>", " \n"]
    ),
    st.just(WARNING),
    st.builds(
        lambda query, documents: a_round(query, *documents), SENTENCES, st.lists(SENTENCES, max_size=3)
    ),
    SENTENCES.map(lambda text: f"<answer> {text} </answer>"),
)
RESPONSES = st.lists(PIECES, max_size=7).map(" ".join)


@given(
    RESPONSES,
    st.booleans(),
    st.lists(SENTENCES, max_size=2),
    st.lists(st.lists(SENTENCES, max_size=2), max_size=3),
)
def test_agrees_with_a_second_writing(text, answered, golds, keys):
    text += ANSWER * answered
    golds = [f"{gold} beta" for gold in golds]  # never an empty vocabulary
    scored, expected = (
        released(text, golds=golds, keys=keys),
        released_rewards.score(text, ["Paris"], golds, keys),
    )
    assert final(scored) == pytest.approx(expected.final, abs=1e-12)
    assert scored.search_key == pytest.approx(expected.key, abs=1e-12)
    found = [
        value
        for reward in scored.rounds
        for value in (reward.position, reward.information_gain, reward.redundancy)
    ]
    assert found == pytest.approx([value for reward in expected.rounds for value in reward], abs=1e-12)
