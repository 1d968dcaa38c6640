"""Stage `report`: all stages' outputs -> `data/report/index.html`, `results.md` and `curves.svg`.

Where others' policies alone were evaluated (`evaluate.after: index`), it is run by hand: for DVC the report
comes after training, of which there is none.
"""

from __future__ import annotations

from stepsearch_core.base.io import atomic_write
from stepsearch_core.params import Params
from stepsearch_core.report.inputs import read_inputs
from stepsearch_core.report.markdown import results_markdown
from stepsearch_core.report.page import render_curves, render_page
from stepsearch_core.report.results import headline
from tasks.stage import DATA, run


def main(params: Params) -> None:
    """Write page, Markdown tables and curves; print the result in one sentence and where the page lies."""
    inputs = read_inputs(DATA, trained=params.evaluate.after == "train")
    page = DATA / "report" / "index.html"
    with atomic_write(page) as file:
        file.write(render_page(inputs, params))
    if inputs.training:
        with atomic_write(page.with_name("curves.svg")) as file:
            file.write(render_curves(inputs.training.log))
    with atomic_write(page.with_name("results.md")) as file:
        file.write(results_markdown(inputs.metrics, params.evaluate.confidence, inputs.provenance))
    print(headline(inputs.metrics, params.evaluate.confidence).sentence)
    print(f"report: {page}")


if __name__ == "__main__":
    run("report", main)
