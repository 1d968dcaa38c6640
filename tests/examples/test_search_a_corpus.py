"""The example on its own passages, and as a command on a file."""

import json
import subprocess
import sys

import pytest

from examples.search_a_corpus import PASSAGES, main
from tests.import_graph import ROOT


@pytest.mark.slow
def test_every_method_finds_the_passage_first():
    found = main(PASSAGES, "where was Ada born?", k=2)
    assert {method: titles[0] for method, titles in found.items()} == dict.fromkeys(
        ("bm25", "dense", "hybrid"), "Ada"
    )
    assert found["bm25"] == ["Ada"]  # no other passage has a word of the query


@pytest.mark.slow
def test_it_searches_a_file(tmp_path):
    path = tmp_path / "passages.jsonl"
    rows = [{"id": "1", "title": "Cid", "text": "plays chess"}, {"id": "2", "title": "Bob", "text": "sings"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = [sys.executable, "examples/search_a_corpus.py", str(path), "who sings?"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "Bob: sings" in run.stdout.splitlines()[0]
