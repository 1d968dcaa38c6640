import psutil
import pytest

from stepsearch_core.runtime import allowance


@pytest.mark.parametrize(
    ("cpu", "cores"), [("400000 100000", 4), ("max 100000", 16), ("50000 100000", 1), ("", 16)]
)
def test_the_cores_of_a_container(container, cpu, cores):
    container(cpu, "max")
    assert allowance.cores() == cores


def test_the_memory_of_a_container(container):
    container("max 100000", "max")
    assert allowance.memory() == psutil.virtual_memory().total
    container("max 100000", 10**9)
    assert allowance.memory() == 10**9
