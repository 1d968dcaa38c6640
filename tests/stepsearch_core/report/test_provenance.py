from stepsearch_core.report.provenance import asked_how, label, measured_on, of_policy, remarks, searched
from tests.report_data import make_provenance


def test_remarks_by_name_and_of_a_benchmark():
    both = ["Benchmarks in the corpus: 56 of 1,234 passages <are>", "Contamination: 1 of 4 questions"]
    assert remarks(make_provenance()) == remarks(make_provenance(), "musique") == both
    assert remarks(make_provenance(), "bamboogle") == both[:1]
    assert remarks(None) == []


def test_what_others_policies_were_trained_on_is_not_known():
    made = make_provenance()
    assert of_policy(made, "trained") == made
    theirs = of_policy(made, "released")
    assert [remark["name"] for remark in theirs["remarks"]] == ["benchmarks in the corpus"]
    assert theirs["benchmarks"]["musique"] == made["benchmarks"]["musique"] | {
        "in_training": None,
        "hop_in_training": None,
    }
    assert made == make_provenance()


def test_the_label_of_a_corpus_with_passages_of_question_files():
    made = make_provenance()
    assert label(made) == "56 of 1,234 passages are of question files alone"
    for count in (0, None):
        made["corpus"]["of_questions"] = count
        assert label(made) == ""
    assert label(None) == ""


def test_the_tables_say_split_revision_and_questions():
    benchmarks, besides = measured_on(make_provenance())
    assert benchmarks.rows == (
        ("MuSiQue", "hub/musique, full", "validation", "c8f4", "4 of 2,417", "1", "0"),
        ("Bamboogle", "given file", "test", "sha256 000000000000…", "4 of 4", "–", "–"),
    )
    assert ("Passages of question files alone", "56") in besides.rows
    assert ("Commit", "aaaaaaaaaaaa…") in besides.rows


def test_each_policy_with_its_source_and_how_it_was_asked():
    made = make_provenance()
    made["policies"]["trained"]["changes"] = ["a.b=1", "c.d=2"]
    (table,) = asked_how(made)
    assert table.rows == (
        ("Warm start", "data/warmstart/policy", "–", "agent", "minimal", "bm25", "2", "4", "–"),
        ("Trained", "data/train/policy", "–", "agent", "minimal", "bm25", "2", "4", "a.b=1, c.d=2"),
        ("Gold questions", "–", "–", "agent", "minimal", "bm25", "2", "4", "–"),
    )
    assert asked_how(None) == []


def test_whether_a_policy_could_search():
    assert searched({"protocol": "agent", "max_searches": 1})
    assert searched({"protocol": "rag", "max_searches": 1})
    assert not searched({"protocol": "agent", "max_searches": 0})
    assert not searched({"protocol": "direct", "max_searches": 5})
