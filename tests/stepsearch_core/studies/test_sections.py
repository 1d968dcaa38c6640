from stepsearch_core.studies.sections import sections
from tests.stepsearch_core.studies.analysis_example import make_analysis

ALL = ["results", "efficiency", "behaviour", "tuning", "cost", "missing", "study", "provenance"]


def test_sections_in_their_order():
    made = sections(make_analysis())
    assert [section.key for section in made] == ALL
    assert "95% intervals" in made[0].text
    assert "finds in 80% of cases" in made[0].text


def test_what_has_nothing_to_say_is_left_out():
    made = sections(make_analysis(tuning={}, missing=[], provenance={}))
    assert [section.key for section in made] == ["results", "efficiency", "behaviour", "cost", "study"]
