import re

from stepsearch_core.studies.markdown import study_markdown
from stepsearch_core.studies.sections import sections
from tests.report_data import HOSTILE
from tests.stepsearch_core.studies.analysis_example import make_ablation, make_analysis, make_hops


def test_the_findings_and_every_table():
    analysis = make_analysis()
    text = study_markdown(analysis)
    assert text.startswith("# Do step rewards help?\n\n**StePPO ends above Outcome PPO: mean F1 0.440")
    made = sections(analysis)
    blocks = sum(len(grid.blocks) for section in made for grid in (*section.grids, *section.folded))
    assert text.count("| --- |") == blocks + sum(len(section.tables) for section in made)
    assert "| StePPO | 0.440 (0.420 to 0.460) |" in text
    assert "| +0.025 (+0.005 to +0.045; p = 0.0400, detects 0.028) |" in text
    assert "| StePPO, 3B | 0.181 / 0.273 |" in text


def test_settings_are_named():
    text = study_markdown(make_hops())
    assert "**2 hops: StePPO ends above" in text
    assert "### Answer quality: 4 hops. F1\n" in text


def test_all_rows_of_a_table_have_as_many_cells():
    for analysis in (make_analysis(), make_hops(), make_ablation()):
        for block in re.findall(r"(?:^\|.*\n)+", study_markdown(analysis), re.MULTILINE):
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1


def test_hostile_text_is_text():
    analysis = make_analysis(title=HOSTILE)
    analysis["variants"][0]["label"] = "Ste|PPO\n# heading"
    text = study_markdown(analysis)
    assert "<" not in text
    assert text.startswith("# &lt;/script>&lt;script>alert('passage')&lt;/script>\n")
    assert "| Ste\\|PPO # heading | 0.440" in text
    assert "\n# heading" not in text
