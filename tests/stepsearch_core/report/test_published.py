import pytest

from stepsearch_core.report.published import BENCHMARKS, TABLES


def test_every_row_has_a_pair_for_every_benchmark():
    for table in TABLES:
        for _, _, values in table.rows:
            pairs = [tuple(map(float, pair.split("/"))) for pair in values.split()]
            assert len(pairs) == len(BENCHMARKS)
            assert all(0 < exact <= f1 < 1 for exact, f1 in pairs)


def test_the_papers_claim_follows_from_its_table():
    rows = {(size, method): values for size, method, values in TABLES[0].rows}

    def exact(method):
        return [float(pair.split("/")[0]) for pair in rows["3B", method].split()]

    gains = [a - b for a, b in zip(exact("StepSearch, base"), exact("Search-R1, base"), strict=True)]
    assert gains == pytest.approx([0.057, 0.091, 0.100, 0.152])
