from stepsearch_core.report.markdown import results_markdown, table_lines
from stepsearch_core.report.results import ANSWER_MEASURES, BEHAVIOUR_MEASURES
from stepsearch_core.report.tables import Table
from tests.report_data import cell, make_provenance


def test_one_table_a_metric_with_intervals(metrics):
    del metrics["paired"]
    text = results_markdown(metrics, 0.95, None)
    assert "| Trained | 0.625 (0.575 to 0.675) | 0.625 (0.575 to 0.675) | 0.625 (0.575 to 0.675) |" in text
    assert text.count("| --- |") == len(ANSWER_MEASURES) + len(BEHAVIOUR_MEASURES)
    assert "|  | MuSiQue (n = 4) |" in text
    assert "Pairs" not in text


def test_a_mean_over_some_benchmarks_says_so(metrics):
    metrics["gold_questions"]["bamboogle"] = {key: cell(None) for key in metrics["trained"]["bamboogle"]}
    text = results_markdown(metrics, 0.95, None)
    assert "| 0.900 (0.850 to 0.950; mean over 1 of 2 benchmarks) |" in text


def test_every_table_says_what_it_is_of(metrics):
    text = results_markdown(metrics, 0.95, make_provenance())
    tables = len(ANSWER_MEASURES) + len(BEHAVIOUR_MEASURES)
    assert text.count("| MuSiQue (validation, n = 4) | Bamboogle (test, n = 4) | Mean (n = 4) |") >= 3
    assert text.count("56 of 1,234 passages are of question files alone.") == tables
    assert "**Benchmarks in the corpus: 56 of 1,234 passages <are>.**" in text
    assert "**Contamination: 1 of 4 questions.**" in text
    assert "| MuSiQue | hub/musique, full | validation | c8f4 | 4 of 2,417 | 1 | 0 |" in text
    assert "| Bamboogle | given file | test | sha256 000000000000… | 4 of 4 | – | – |" in text
    assert "## F1, pairs of policies" in text


def test_a_bar_does_not_end_a_cell_and_a_bracket_begins_no_tag():
    assert table_lines(Table("", ("a", "b"), (("x | <y>", "1\n2"),))) == [
        "| a | b |",
        "| --- | ---: |",
        "| x \\| &lt;y> | 1 2 |",
    ]


def test_without_training_there_is_no_word_of_a_gain(metrics):
    text = results_markdown({"mine": metrics["trained"]}, 0.95, None)
    assert "gain" not in text.lower()
    assert "| mine | 0.625 (0.575 to 0.675) |" in text
