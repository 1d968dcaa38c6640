"""Checkpoints are read back: damage anywhere is found, named, and never trained on."""

import json
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepsearch_core.base.errors import DataError
from stepsearch_core.learning.run_folder import RunFolder
from tests.import_graph import ROOT
from tests.savers import PARAMETERS, TEXT, deep

FILES = ("state/weights", "history.jsonl", "manifest.json")


def flip_a_byte(path: Path, at: int = 0) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_the_manifest_has_the_sha_256_of_every_file(tmp_path):
    with RunFolder(tmp_path, PARAMETERS, []) as folder:
        folder.save(1, deep("abc"), {"history": []})
        assert json.loads((folder.checkpoint(1) / "manifest.json").read_text()) == {
            "history.jsonl": (
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
            ),  # of nothing
            "state/weights": (
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
            ),  # FIPS 180-2, B.1
        }


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(data=st.data(), name=st.sampled_from(FILES[:2]))
def test_a_flipped_bit_anywhere_is_refused_by_name(tmp_path_factory, data, name):
    with RunFolder(tmp_path_factory.mktemp("run"), PARAMETERS, []) as folder:
        folder.save(4, deep("weights of step 4"), {"history": [{"step": 4, "f1": 0.5}]})
        file = folder.checkpoint(4) / name
        flip_a_byte(file, data.draw(st.integers(0, file.stat().st_size - 1)))
        with pytest.raises(DataError) as refused:
            folder.last_step()
    problem = f"{file}: damaged: its SHA-256 is not that of what was written"
    assert (
        str(refused.value)
        == f"{folder.path}: no whole checkpoint ({problem}); remove the folder to train anew"
    )


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_refused_by_name(tmp_path, name):
    with RunFolder(tmp_path, PARAMETERS, []) as folder:
        folder.save(4, deep("four"), {"history": []})
        (folder.checkpoint(4) / name).unlink()
        with pytest.raises(DataError, match=f"no whole checkpoint .*{name}: .*[nN]o such file"):
            folder.last_step()


def disk_that_damages(name, patch):
    """From now on the file of every checkpoint is another one as soon as the checkpoint is in place."""
    replace = Path.replace

    def replace_and_damage(path, target):
        moved = replace(path, target)
        if target.name.startswith("step_"):
            flip_a_byte(target / name)
        return moved

    patch.setattr(Path, "replace", replace_and_damage)


@pytest.mark.parametrize("name", FILES)
def test_what_does_not_read_back_is_named_and_the_older_checkpoint_stays(
    tmp_path, monkeypatch, caplog, name
):
    with RunFolder(tmp_path, PARAMETERS, []) as folder:
        folder.save(4, deep("four"), {"history": [{"step": 4}]})
        with monkeypatch.context() as patch:
            disk_that_damages(name, patch)
            with pytest.raises(DataError, match=f"step_000008/{name}"):
                folder.save(8, deep("eight"), {"history": [{"step": 8}]})
        assert folder.last_step() == 4  # goes back, and says why
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert re.search(f"step_000008/{name}.*: .*; going back to step 4", caplog.text)
        assert (folder.checkpoint(4) / "state" / "weights").read_text() == "four"
        folder.save(8, deep("eight again"), {"history": [{"step": 8}]})  # takes the place of the damaged one
        assert folder.last_step() == 8
        assert (folder.checkpoint(8) / "state" / "weights").read_text() == "eight again"
        assert not folder.checkpoint(4).exists()


def test_rows_that_are_no_json_do_not_pass_for_rows(tmp_path):
    def with_rows(folder):
        deep("one")(folder)
        (folder / "other.jsonl").write_text('{"step": 1}\n{"step"\n')

    with (
        RunFolder(tmp_path, PARAMETERS, []) as folder,
        pytest.raises(DataError, match=r"other\.jsonl, line 2: not JSON"),
    ):
        folder.save(1, with_rows, {})


@pytest.mark.slow
def test_killed_anywhere_in_between_a_whole_checkpoint_is_found(tmp_path):
    """Children save as fast as they can until SIGKILL; whatever they leave, there is something to go on
    from.
    """
    draw, kinds = random.Random(0), set()
    folder = RunFolder(tmp_path, PARAMETERS, [])
    folder.path.mkdir(parents=True)
    started = time.perf_counter()
    folder.save(1, deep(f"1{TEXT}"), {"history": [{"step": 1}]})
    longest = 0.03 + 3 * (time.perf_counter() - started)
    command = [sys.executable, "-m", "tests.savers", str(tmp_path)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as savers:
        assert savers.stdin
        assert savers.stdout
        for _ in range(40):
            step = folder.last_step()
            print(draw.uniform(0.0, longest), file=savers.stdin, flush=True)
            assert int(savers.stdout.readline()) == -signal.SIGKILL
            kinds.add((len(list(folder.path.glob("step_*"))), any(folder.path.glob(".step_*"))))
            last = folder.last_step()
            assert last >= step
            assert folder.rows(last, "history") == [{"step": last}]
            assert (folder.checkpoint(last) / "state" / "weights").read_text() == f"{last}{TEXT}"
        savers.stdin.close()
    assert folder.last_step() > 1
    assert len(kinds) > 1  # kills hit more than one moment
