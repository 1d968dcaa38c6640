"""What a flow run leaves on Prefect's pages: result table, training curves, the report's place."""

from __future__ import annotations

import base64
from pathlib import Path

from prefect.artifacts import create_image_artifact, create_link_artifact, create_markdown_artifact

REPORT = Path("data/report")


def publish_results(folder: Path = REPORT) -> None:
    """Make the report stage's outputs artifacts of the current flow run.

    The image travels inside its artifact: Prefect's server reads no files of the machine that a flow runs
    on.
    """
    page = (folder / "index.html").resolve()
    create_markdown_artifact((folder / "results.md").read_text(encoding="utf-8"), key="results")
    curves = base64.b64encode((folder / "curves.svg").read_bytes()).decode()
    create_image_artifact(f"data:image/svg+xml;base64,{curves}", key="curves", description="Training curves")
    create_link_artifact(
        page.as_uri(), link_text=str(page), key="report", description="Report, on the worker's machine"
    )
