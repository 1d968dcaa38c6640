import subprocess
import sys

import pytest

from tests.import_graph import ROOT

ALONE = """
import torch.distributed as group
from stepsearch_core.runtime import process_group

process_group.join_process_group()
process_group.join_process_group()  # once is enough
print(group.get_rank(), group.get_world_size(), group.get_backend())
patient = process_group.patient_group()
print(patient is process_group.patient_group(), group.get_backend(patient))
print(group.get_process_group_ranks(patient))
process_group.leave_process_group()
print(group.is_initialized())
process_group.leave_process_group()
process_group.join_process_group()
print(process_group.patient_group() is not patient)  # the old one went with its group
"""


@pytest.mark.slow
def test_a_process_alone_is_a_group_of_its_own_and_leaves_it():
    """Without a launcher, in a process of its own: a group is a process's one and only."""
    done = subprocess.run([sys.executable, "-c", ALONE], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["0 1 gloo", "True gloo", "[0]", "False", "True"], done.stderr
    assert done.returncode == 0
