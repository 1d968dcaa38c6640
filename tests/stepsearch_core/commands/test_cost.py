import re
import shutil
from dataclasses import replace

import pytest

from stepsearch_core import cli
from stepsearch_core.fetching.fetch import fetch
from stepsearch_core.params import load_params
from tests.checkout import ROOT
from tests.profiles import profile


@pytest.fixture
def fetched(tmp_path, monkeypatch):
    """A checkout with the profile micro, fetched."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "conf", "conf")
    cli.main(["profile", "micro"])
    fetch(replace(profile("micro").fetch, folder="."), "data/fetch")
    return load_params("params.yaml")


def number(pattern, said):
    """What a pattern's group has found."""
    found = re.search(pattern, said.replace(",", ""))
    assert found, said
    return float(found[1])


@pytest.mark.slow
def test_requests_tokens_and_cost_before_anything_is_asked(fetched, capsys):
    cli.main(["cost", "synthesize.candidates_per_hop=2"])
    said = capsys.readouterr().out
    assert said.startswith("nothing is asked as it is; with synthesize.generator=endpoint:")
    steps, requests = number(r"(\d+) steps of 200", said), number(r"(\d+) requests", said)
    assert 400 < steps < 700
    assert 0.3 * steps < requests < steps  # equal steps are asked once
    assert "0 were answered before" in said
    assert "set endpoint.prompt_price" in said
    prices = ["endpoint.prompt_price=1", "endpoint.reply_price=10"]
    cli.main(["cost", "synthesize.candidates_per_hop=2", *prices])
    said = capsys.readouterr().out
    prompts, replies = number(r"(\d+) tokens of prompts", said), number(r"of replies (\d+)", said)
    assert replies == requests * (32 + 2 * 40)
    cost = number(r"cost: at most ([\d.]+)", said)
    assert cost == pytest.approx((prompts + 10 * replies) / 1e6, abs=0.006)


def test_without_questions(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "conf", "conf")
    cli.main(["profile", "micro"])
    with pytest.raises(SystemExit, match="no training questions were fetched: run `dvc repro fetch`"):
        cli.main(["cost"])
