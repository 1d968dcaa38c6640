"""What a flow run leaves on Prefect's pages: result table, training curves, the report's place."""

from __future__ import annotations

import base64
from pathlib import Path

from prefect.artifacts import create_image_artifact, create_link_artifact, create_markdown_artifact

from stepsearch_core.studies.study import PAGES

REPORT = Path("data/report")


def publish_results(folder: Path = REPORT) -> None:
    """Make the report stage's outputs artifacts of the current flow run.

    The image travels inside its artifact: Prefect's server reads no files of the machine that a flow runs
    on.
    """
    create_markdown_artifact((folder / "results.md").read_text(encoding="utf-8"), key="results")
    curves = base64.b64encode((folder / "curves.svg").read_bytes()).decode()
    create_image_artifact(f"data:image/svg+xml;base64,{curves}", key="curves", description="Training curves")
    _link(folder / "index.html", "report", "Report")


def publish_study(name: str, folder: Path = PAGES) -> None:
    """Make the tables of a study, if it has any, and the place of its page artifacts of the flow run."""
    page = folder / name / "index.html"
    if page.is_file():
        create_markdown_artifact(
            page.with_name("results.md").read_text(encoding="utf-8"), key=f"study-{name}"
        )
        _link(page, f"study-{name}-page", "Page of the study")


def _link(page: Path, key: str, what: str) -> None:
    page = page.resolve()
    create_link_artifact(
        page.as_uri(), link_text=str(page), key=key, description=f"{what}, on the worker's machine"
    )
