"""One process and two (real ones, over gloo) make the same of the same work: what they do is in
`tests/ranks.py`.
"""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
import torch

from stepsearch_core.learning import distributed
from stepsearch_core.metrics.timing import untimed
from tests import tiny
from tests.import_graph import ROOT
from tests.ranks import VARIANTS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """What one process made, and what each of two ranks made."""
    folder = tmp_path_factory.mktemp("ranks")
    torch.save(tiny.searcher(tiny.tokenizer()).state_dict(), folder / "searcher.pt")
    launcher = [
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--local-addr=localhost",
        "--nproc-per-node=2",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
    for command in ([], launcher):
        subprocess.run(
            [sys.executable, *command, "-m", "tests.ranks", folder], cwd=ROOT, env=environment, check=True
        )
    return [torch.load(folder / f"{name}.pt", weights_only=False) for name in ("1_0", "2_0", "2_1")]


def near(one, other, tolerance=1e-5):
    """Nested results agree."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(near(one[name], other[name], tolerance) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(near(a, b, tolerance) for a, b in zip(one, other, strict=True))
    return bool(np.allclose(one, other, rtol=0, atol=tolerance, equal_nan=True))


def test_shares_come_together_in_order(results):
    one, first, second = results
    for result in results:
        assert result["gathered"] == [f"item{number}" for number in range(7)]
    assert one["summed"] == {"ranks": 1.0, "numbers": 0.0, "tenths": 0.1}
    # float64
    assert first["summed"] == second["summed"] == {"ranks": 2.0, "numbers": 1.0, "tenths": 0.1 + 1.1}
    assert (one["main"], first["main"], second["main"]) == (True, True, False)


def test_a_rank_without_a_trajectory_takes_part_at_weight_0(results):
    one, first, second = results
    assert one["shares"] == [([0], 1.0), ([0, 1], 1.0), ([0, 1, 2, 3, 4], 1.0)]
    assert first["shares"] == [([0], 1.0), ([0], 1.0), ([0, 2, 4], 1.0)]
    assert second["shares"] == [([0], 0.0), ([1], 1.0), ([1, 3], 1.0)]


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_update_does_not_depend_on_the_number_of_processes(results, variant):
    one, first, second = (result[variant] for result in results)
    assert first["statistics"] == second["statistics"]  # they are the whole batch's
    assert near(first["statistics"], one["statistics"])
    assert one["statistics"]["grad_norm"] > 0.5  # clipping was in force
    assert near(one["reference"], results[0]["zero0"]["reference"])
    assert near(first["reference"], one["reference"])
    for name in ("weights", "continued"):
        assert torch.equal(first[name], second[name])
        assert near(first[name], one[name])
    assert not near(one["weights"], one["continued"], 1e-4)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_checkpoint_of_two_processes_continues_with_two(results, variant):
    for result in (result[variant] for result in results):
        assert torch.equal(result["resumed"], result["continued"])
        assert result["rows"] == [{"rank": 0}]


WARM_STARTS = [
    *(f"tuned{stage}" for stage in range(4)),
    *(f"tuned_{saved}" for saved in ("micro_batches", "checkpointing", "offloaded")),
]


@pytest.mark.parametrize("name", WARM_STARTS)
def test_the_warm_start_depends_neither_on_the_number_of_processes_nor_on_what_saves_memory(results, name):
    plain = results[0]["tuned0"]
    one, first, second = (result[name] for result in results)
    assert near(one["rows"], plain["rows"])
    assert near(one["weights"], plain["weights"])
    assert len(one["rows"]) == 3
    assert first["rows"] == second["rows"]
    assert near(first["rows"], one["rows"])
    assert torch.equal(first["weights"], second["weights"])
    assert near(first["weights"], one["weights"])


def test_gradients_of_ranks_are_summed_in_float32_if_told_to(results):
    """Bfloat16 has steps of a 128th above 1."""
    assert results[1]["gradient_sums"] == {"model": 1.0, "float32": 1.0 + 1 / 512}


def test_a_damaged_file_is_said_by_all_ranks_whoever_read_it(results):
    one, first, second = (result["damaged"] for result in results)
    assert first == second
    assert [re.findall(r"part\d: damaged", said) for said in first[:-1]] == [
        ["part0: damaged"],
        ["part1: damaged"],
    ]
    assert first[-1] == one[-1] == 1


def test_a_folder_that_ranks_do_not_have_in_common_is_said_by_all(results):
    one, first, second = (result["apart"] for result in results)
    assert one is None
    for said in (first, second):
        assert "rank 1 does not find here what the first rank has written" in said


def test_what_may_be_downloaded_is_loaded_by_the_first_rank_of_a_machine_before_the_others(results):
    assert results[0]["turns"] == {"some/model": "0", "folder": "0", None: "0"}
    for result in results[1:]:
        assert result["turns"] == {"some/model": "01", "folder": "10", None: "10"}


def test_machines_say_which_snapshot_of_a_name_they_found(monkeypatch, tmp_path):
    held = []
    for name, value in {
        "world_size": lambda: 2,
        "barrier": lambda: None,
        "local_folder": lambda source: tmp_path / "snapshots" / "abc123",
        "check_agreement": held.append,
    }.items():
        monkeypatch.setattr(distributed, name, value)
    for source in ("some/model", str(tmp_path), None):
        with distributed.downloading(source):
            pass
    assert held == [{"the snapshot of some/model": "abc123"}]


def test_a_training_step_does_not_depend_on_the_number_of_processes(results):
    one, first, second = (result["trained"] for result in results)
    assert first["tokens"] == second["tokens"] == one["tokens"]  # the same streams, whoever samples
    for metrics, expected in zip(first["metrics"], one["metrics"], strict=True):
        assert near(untimed(metrics), untimed(expected), 1e-4)
    assert [untimed(metrics) for metrics in first["metrics"]] == [
        untimed(metrics) for metrics in second["metrics"]
    ]
    assert one["metrics"][0]["searches"] > 0
    assert first["validation"] == second["validation"]
    assert near(first["validation"], one["validation"])
    assert torch.equal(first["weights"], second["weights"])
    assert near(first["weights"], one["weights"])
