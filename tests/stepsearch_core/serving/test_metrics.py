import os
import subprocess
import sys

import pytest

WORKER = """
import os, sys
from stepsearch_core.serving.metrics import Metrics
metrics = Metrics()
metrics.requests.labels(200).inc(3)
metrics.waiting.set(2)
print(metrics.page().decode())
"""


def page(folder):
    env = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    run = subprocess.run([sys.executable, "-c", WORKER], env=env, capture_output=True, text=True, check=True)
    return run.stdout


@pytest.mark.slow
def test_workers_add_up_their_counts_and_only_the_living_have_a_queue(tmp_path):
    assert 'stepsearch_requests_total{status="200"} 3.0' in page(tmp_path)
    second = page(tmp_path)
    assert 'stepsearch_requests_total{status="200"} 6.0' in second
    assert "stepsearch_queue_queries 2.0" in second  # the first worker is dead
