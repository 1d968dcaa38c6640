import getpass
import socket

import pytest

from stepsearch_core.doctor.anonymous import without_places


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (
            '  File "/home/ada/lib/p/site-packages/torch/nn/f.py", line 3',
            'File ".../torch/nn/f.py"',
        ),
        (
            '  File "/home/ada/w/stepsearch_core/training/gae.py", line 3',
            '".../stepsearch_core/training/gae.py"',
        ),
        ("no such file: /data/secret/model.safetensors", "no such file: .../model.safetensors"),
        ("('/opt/x/y', '~/z/w')", "('.../y', '.../w')"),
        ("free space at /", "free space at /"),
        (
            "reward/total, data/index and https://pytorch.org/get/started",
            "data/index and https://pytorch.org/get/",
        ),
        ("3/4 of 1/2", "3/4 of 1/2"),
    ],
)
def test_folders_are_left_out_but_those_of_packages(text, kept):
    said = without_places(text)
    assert kept in said
    assert "ada" not in said
    assert "secret" not in said


def test_machine_and_user_are_left_out(monkeypatch):
    from stepsearch_core.doctor import anonymous

    monkeypatch.setattr(socket, "gethostname", lambda: "node-17")
    monkeypatch.setattr(getpass, "getuser", lambda: "lovelace")
    anonymous._names.cache_clear()
    try:
        assert without_places("lovelace's run on node-17: node-170") == "...'s run on ...: node-170"
    finally:
        anonymous._names.cache_clear()
