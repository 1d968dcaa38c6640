from stepsearch_core.base.types import Hop, Passage, Question
from stepsearch_core.benchmarks.readers import read_benchmark
from stepsearch_core.synthesis.facts import name_of, steps_of_facts
from stepsearch_core.synthesis.sub_questions import parse_hops

FILM = Passage(
    "f", "Kiss and Tell (1945 film)", "Kiss and Tell is a comedy starring Shirley Temple as Corliss."
)
TEMPLE = Passage("t", "Shirley Temple", "Shirley Temple was an actress and later Chief of Protocol.")
MAGAZINE = Passage("m", "Arthur's Magazine", "Arthur's Magazine began in 1844.")
WOMEN = Passage("w", "First for Women", "First for Women was started in 1989.")
SHELF = {passage.id: passage for passage in (FILM, TEMPLE, MAGAZINE, WOMEN)}


def steps(text, answer, *supports):
    hops = tuple(Hop("", "", (support.id,)) for support in supports)
    return steps_of_facts(Question("q", "hotpotqa", "train", text, (answer,), hops), SHELF.__getitem__)


BRIDGE = "What government position was held by the woman who portrayed Corliss in the comedy Kiss and Tell?"


def test_a_bridge_leads_to_the_passage_that_the_other_names():
    expected = (
        Hop("Corliss comedy Kiss Tell", "Shirley Temple", ("f",)),
        Hop("Shirley Temple >> government position held woman portrayed", "Chief of Protocol", ("t",)),
    )
    assert steps(BRIDGE, "Chief of Protocol", FILM, TEMPLE) == expected
    assert steps(BRIDGE, "Chief of Protocol", TEMPLE, FILM) == expected  # whatever their order


def test_a_comparison_asks_of_each_title_in_the_other_words():
    text = "Which magazine was started first, Arthur's Magazine or First for Women?"
    first, second = steps(text, "Arthur's Magazine", MAGAZINE, WOMEN)
    assert first == Hop("Arthur's Magazine >> started", "", ("m",))
    assert second == Hop("First for Women >> started", "", ("w",))


def test_steps_whose_answers_are_unknown_can_be_read():
    text = "Which magazine was started first, Arthur's Magazine or First for Women?"
    hops = steps(text, "Arthur's Magazine", MAGAZINE, WOMEN)
    question = Question("q", "hotpotqa", "train", text, ("Arthur's Magazine",), hops)
    assert question.has_decomposition
    assert [asked.entity for _, asked in parse_hops(question)] == ["Arthur's Magazine", "First for Women"]


def test_passages_that_do_not_name_each_other_make_no_steps():
    assert steps("Which actress has a magazine?", "x", TEMPLE, WOMEN) == ()
    assert steps("What began?", "x", MAGAZINE) == ()
    assert steps("What began?", "x", MAGAZINE, WOMEN, TEMPLE) == ()
    assert steps("Who is it?", "Chief of Protocol", FILM, TEMPLE) == ()  # no word of the question leads in


def test_a_bridge_whose_title_says_all_is_asked_by_its_title():
    first, second = steps("Corliss comedy Kiss Tell?", "Chief of Protocol", FILM, TEMPLE)
    assert first.sub_question == "Corliss comedy Kiss Tell"
    assert second.sub_question == "Shirley Temple"


def test_a_title_is_a_name_without_its_addition():
    assert [name_of(passage) for passage in (FILM, TEMPLE)] == ["Kiss and Tell", "Shirley Temple"]


def test_published_questions(real_data):
    examples = list(read_benchmark("hotpotqa", real_data / "hotpotqa_train100.json", "train"))
    made = [
        steps_of_facts(example.question, {passage.id: passage for passage in example.context}.__getitem__)
        for example in examples
    ]
    assert sum(map(bool, made)) == 95
    for hops in filter(None, made):
        assert len({hop.support_ids for hop in hops}) == 2
        assert all(hop.sub_question for hop in hops)
