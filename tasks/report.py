"""Stage `report`: all outputs -> `data/report/index.html` and `data/report/results.md`; prints the result table."""

from __future__ import annotations

from stepsearch_core.io import atomic_write
from stepsearch_core.params import Params
from stepsearch_core.report.inputs import read_inputs
from stepsearch_core.report.page import render_page
from stepsearch_core.report.results import headline, results_markdown, results_table
from tasks.stage import DATA, run


def main(params: Params) -> None:
    """Write the page and the Markdown table; print the table and where the page lies."""
    inputs = read_inputs(DATA)
    confidence = params.evaluate.confidence
    page = DATA / "report" / "index.html"
    with atomic_write(page) as file:
        file.write(render_page(inputs, params))
    with atomic_write(page.with_name("results.md")) as file:
        file.write(results_markdown(inputs.metrics, confidence))
    print(results_table(inputs.metrics))
    print(headline(inputs.metrics, confidence).sentence)
    print(f"Report: {page}")


if __name__ == "__main__":
    run("report", main)
