import pytest

from perf.report_page import first_paint
from stepsearch_core.params import Params
from stepsearch_core.report.inputs import read_inputs
from tests.chromium import executable
from tests.report_data import write_outputs


@pytest.mark.slow
@pytest.mark.skipif(executable() is None, reason="neither chromium nor google-chrome is installed")
def test_both_pages_are_painted(tmp_path):
    write_outputs(tmp_path)
    figures, sides, workload = first_paint(read_inputs(tmp_path), Params(profile="tiny"), repeats=1)
    sizes = workload["report_page"]["bytes"]
    assert figures["page_mb"] * 1e6 == sizes["page"] > sizes["without_trajectories"] > 10_000
    (page,), (bare,) = sides.values()
    assert figures["first_paint_ms"] == figures["first_paint_ms_at_most"] == page
    assert figures["first_paint_ratio"] == pytest.approx(page / bare)
    assert 0 < page < 20_000
