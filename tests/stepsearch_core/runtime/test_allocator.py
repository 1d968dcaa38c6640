import subprocess
import sys

import pytest

CODE = """
import psutil, torch
from stepsearch_core.runtime.allocator import give_back_freed_memory
held = [torch.ones(250_000) for _ in range(400)]  # 400 MB in pieces that the heap keeps
for _ in range(3):  # the first pieces to go raise the size from which they are mapped
    held = [torch.ones(250_000) for _ in range(400)]
kept = held[::100]
del held
before = psutil.Process().memory_info().rss
give_back_freed_memory()
print(before - psutil.Process().memory_info().rss)
"""


@pytest.mark.slow
def test_what_was_freed_between_what_is_kept_goes_back():
    ran = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert int(ran.stdout) > 200e6
