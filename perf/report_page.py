"""The report's page on the active profile's outputs: its bytes, and how soon a browser paints it from disk.

On the other side the same page without the data of its trajectory viewer. Every opening has a browser of its
own, with an empty cache; the time is the browser's own, from the begin of the navigation to the first pixel
that is not background (First Contentful Paint).
"""

from __future__ import annotations

import copy
import statistics
import tempfile
from functools import partial
from pathlib import Path

from perf.measure import Measured, in_turn, median_of_pairs, report
from stepsearch_core.params import Params, load_params
from stepsearch_core.report.inputs import Inputs, read_inputs
from stepsearch_core.report.page import render_page
from tasks.stage import DATA
from tests.chromium import browser, executable

PAINTED = "performance.getEntriesByName('first-contentful-paint').length"
TIME = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
SCREEN = (1280, 900)


def main(quick: bool) -> None:
    """Render and open both pages.

    Raises:
        SystemExit: there is no Chromium here.
    """
    if executable() is None:
        raise SystemExit("install chromium or google-chrome: this measurement opens a page in it")
    params = load_params()
    repeats = 3 if quick else 15
    inputs = read_inputs(DATA, trained=params.evaluate.after == "train")
    measured = first_paint(inputs, params, repeats)
    report("report_page", measured.figures, measured.both_sides, repeats, measured.workload)


def first_paint(inputs: Inputs, params: Params, repeats: int) -> Measured:
    """Milliseconds until either page is painted, in turn, so that a busy machine delays both alike."""
    bare = copy.deepcopy(params)
    bare.report.trajectories_mb = 0.0
    with tempfile.TemporaryDirectory() as folder:
        pages = {"page": Path(folder) / "page.html", "without_trajectories": Path(folder) / "bare.html"}
        for path, shown in zip(pages.values(), (params, bare), strict=True):
            path.write_text(render_page(inputs, shown), "utf-8")
        sizes = {side: path.stat().st_size for side, path in pages.items()}
        times = in_turn({side: partial(_paint, path) for side, path in pages.items()}, repeats)
    page, without = times.values()
    figures = {
        "page_mb": sizes["page"] / 1e6,
        "first_paint_ms": statistics.median(page),
        "first_paint_ms_at_most": max(page),
        "first_paint_ratio": median_of_pairs(lambda ours, bare: ours / bare, page, without),
    }
    sides = {f"first_paint_ms_{side}": values for side, values in times.items()}
    return Measured(figures, sides, {"report_page": {"bytes": sizes, "screen": SCREEN}})


def _paint(page: Path) -> float:
    with tempfile.TemporaryDirectory() as profile, browser(Path(profile)) as tab:
        tab.screen(*SCREEN)
        tab.open(page)
        tab.wait(PAINTED)
        return float(tab.run(TIME))
