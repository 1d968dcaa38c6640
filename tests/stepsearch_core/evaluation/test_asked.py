from dataclasses import replace

import pytest

from stepsearch_core.base.streams import Name, stream
from stepsearch_core.benchmarks.gold_matching import GoldMatcher
from stepsearch_core.data.corpus import build_corpus
from stepsearch_core.evaluation.asked import Asked, asked_of, in_parts, read_asked, samples_of, streams_of
from stepsearch_core.params import BENCHMARKS, CorpusParams, EvaluateParams
from tests import tiny

ADA, BOB = Asked(tiny.ADA, 0), Asked(replace(tiny.BOB, dataset="bamboogle"), 3)
BARE = Asked(replace(tiny.ADA, id="bare", hops=()), 1)
UNSUPPORTED = Asked(replace(tiny.ADA, hops=tuple(replace(h, support_ids=()) for h in tiny.ADA.hops)), 2)


def test_benchmarks_come_in_order_each_with_its_first_questions(tmp_path):
    build_corpus(tiny.PASSAGES, tmp_path / "corpus", GoldMatcher((), CorpusParams()).write)
    fetched = tmp_path / "fetch"
    fetched.mkdir()
    for name in ("bamboogle.csv", "nq.jsonl"):
        (fetched / name).write_text(
            "Question,Answer\n" + "".join(f"q{n}?,{n}\n" for n in range(3))
            if name.endswith("csv")
            else "".join(f'{{"id": "{n}", "question": "n{n}?", "answer": ["{n}"]}}\n' for n in range(3))
        )
    asked = read_asked(tmp_path, EvaluateParams(benchmarks=["nq", "bamboogle"], questions=2))
    assert [(one.key[0], one.number, one.question.question) for one in asked] == [
        ("nq", 0, "n0?"),
        ("nq", 1, "n1?"),
        ("bamboogle", 0, "q0?"),
        ("bamboogle", 1, "q1?"),
    ]
    assert len({one.key for one in asked}) == 4


def test_a_ceiling_is_asked_once_what_has_gold_steps_and_supports():
    params = EvaluateParams(samples=3)
    asked = [ADA, BARE, UNSUPPORTED, BOB]
    assert asked_of("gold_keys", asked) == asked_of("gold_questions", asked) == [ADA, BOB]
    assert asked_of("trained", asked) == asked
    assert [samples_of(name, params) for name in ("gold_keys", "trained", "other")] == [1, 3, 3]
    assert samples_of("trained", EvaluateParams(samples=None)) == 1


@pytest.mark.parametrize("asked", [[ADA, BOB], [BOB]])
def test_a_sample_draws_by_its_question_and_number_whatever_else_is_left_to_ask(asked):
    streams = streams_of(asked, EvaluateParams(samples=2), seed=5)
    assert streams is not None
    own = [made.random() for made in streams][-2:]
    benchmark = BENCHMARKS.index("bamboogle")
    assert own == [stream(5, Name.EVALUATION, benchmark, number).random() for number in (6, 7)]
    assert streams_of(asked, EvaluateParams(samples=None), seed=5) is None


def test_a_part_is_of_one_benchmark():
    asked = [Asked(replace(tiny.ADA, dataset=name), n) for name, n in (("nq", 0), ("nq", 1), ("qa", 0))]
    parts = [[question.dataset for question in part] for part in in_parts(asked, 2)]
    assert parts == [["nq", "nq"], ["qa"]]
    assert [len(part) for part in in_parts(asked, 1)] == [1, 1, 1]
