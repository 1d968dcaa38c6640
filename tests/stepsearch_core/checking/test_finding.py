from stepsearch_core.checking.finding import Finding, Severity, summary, worst_first

NOTE = Finding(Severity.NOTE, "params.yaml", "", "14 GB will be downloaded", "")
WARNING = Finding(Severity.WARNING, "a.jsonl, line 3", "id", "occurs twice", "rename it")
ERROR = Finding(Severity.ERROR, "params.yaml, line 9", "train.steps", "0 is not at least 1", "set it")


def test_a_line_has_place_field_problem_and_remedy_as_far_as_there_are_any():
    assert str(WARNING) == "warning: a.jsonl, line 3: id: occurs twice -> rename it"
    assert str(NOTE) == "note: params.yaml: 14 GB will be downloaded"


def test_the_worst_comes_first_and_each_once():
    second = Finding(Severity.ERROR, "b", "", "later", "")
    assert worst_first([NOTE, ERROR, WARNING, ERROR, second]) == [ERROR, second, WARNING, NOTE]


def test_the_summary_counts_in_words():
    assert summary([ERROR, WARNING, WARNING]) == "1 error, 2 warnings, 0 notes"
