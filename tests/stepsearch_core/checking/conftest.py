"""`look` runs the real command on made-up profiles in a folder of its own."""

import json
from types import SimpleNamespace

import pytest

from stepsearch_core.cli import main
from stepsearch_core.policy.models import save_policy
from tests import published, tiny
from tests.import_graph import ROOT
from tests.stepsearch_core.benchmarks.rows_of_formats import MUSIQUE, write_jsonl


@pytest.fixture
def look(tmp_path, monkeypatch, capsys):
    """`look(override, ...)` is what `stepsearch check` says of the profile `micro`: exit status and
    lines.
    """
    monkeypatch.chdir(tmp_path)

    def run(*arguments, params=ROOT / "conf" / "micro.yaml"):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["check", "--params", str(params), *arguments])
        *findings, total = capsys.readouterr().out.splitlines()
        assert not [line for line in findings if " failed: " in line]
        return SimpleNamespace(status=ended.value.code, findings=findings, total=total)

    return run


@pytest.fixture(scope="session")
def saved_model(tmp_path_factory):
    """A whole model with a published kind of tokenizer, 256 positions."""
    folder = tmp_path_factory.mktemp("model")
    tokenizer = published.qwen()
    save_policy(tiny.model(tokenizer), tokenizer, folder / "whole")
    return folder / "whole"


@pytest.fixture
def model(saved_model, tmp_path):
    """A copy of the model to damage, without what is said of `tmp_path` elsewhere."""
    folder = tmp_path / "model"
    folder.mkdir()
    for path in saved_model.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


FITS = (
    "tokenizer.kind=pretrained",
    "environment.max_trajectory_tokens=256",
    "environment.chat_template=true",
)
"""What a profile with that model needs."""


@pytest.fixture
def edit():
    """Replace values of a JSON file."""

    def change(path, **values):
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))

    return change


@pytest.fixture
def questions(tmp_path):
    """A folder for files to be fetched."""
    folder = tmp_path / "questions"
    folder.mkdir()
    return folder


@pytest.fixture
def files(questions):
    """Overrides for a folder with training questions and one benchmark, each a few good rows."""

    def write(name="m.jsonl", rows=40, **changes):
        made = [{**MUSIQUE, "id": f"{name}{number}", **changes} for number in range(rows)]
        write_jsonl(questions / name, *made)
        return (
            "fetch.source=files",
            f"fetch.folder={questions}",
            f"fetch.files={{musique_train: {name}, musique: {name}}}",
            "evaluate.benchmarks=[musique]",
        )

    return write
