from collections import Counter

from stepsearch_core.base.types import Hop, Passage
from stepsearch_core.synthesis.key_writers import Rules
from stepsearch_core.synthesis.search_keys import KeyKind, SearchKey
from stepsearch_core.synthesis.sub_questions import parse_sub_question

HOPS = [Hop("Dark River >> author", "Ann", ("p",)), Hop("Ann >> spouse", "Bob", ("q",))]
STEPS = [(hop, parse_sub_question(hop.sub_question)) for hop in HOPS]


def test_rules_write_by_the_words_of_the_support():
    shelf = {"p": Passage("p", "Dark River", "from the pen of Ann"), "q": Passage("q", "", "")}
    written = Rules({"author": ("pen", "ink")}, shelf.__getitem__)(STEPS, Counter())
    assert written[0][0] == SearchKey("Dark River pen", KeyKind.OWN_PHRASING)
    assert KeyKind.MODEL not in {key.kind for keys in written for key in keys}
