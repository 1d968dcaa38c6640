import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.data.parquet import BATCH_ROWS, count_parquet_rows, parquet_rows


def test_rows_come_in_order_over_batches_and_row_groups_and_know_their_place(tmp_path):
    path, count = tmp_path / "t.parquet", 2 * BATCH_ROWS + 3
    table = pa.table({"title": [f"T{n}" for n in range(count)], "tags": [["a", "b"]] * count})
    pq.write_table(table, path, row_group_size=100)
    rows = list(parquet_rows(path))
    assert [row.value["title"] for row in rows] == [f"T{n}" for n in range(count)]
    assert rows[-1].value["tags"] == ["a", "b"]
    assert rows[-1].place == f"{path}, row {count - 1}"
    assert count_parquet_rows(path) == count


@pytest.mark.parametrize("read", [lambda path: list(parquet_rows(path)), count_parquet_rows])
def test_what_is_no_table_is_an_error_that_names_it(tmp_path, read):
    path = tmp_path / "t.parquet"
    with pytest.raises(DataError, match=r"t\.parquet: no such file"):
        read(path)
    path.write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"t\.parquet: no whole Parquet file: "):
        read(path)


def test_damage_behind_the_first_rows_is_an_error_and_a_table_without_rows_too(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"text": [f"text {n}" for n in range(5000)]}), path, row_group_size=1000)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + b"\xff" * 400 + whole[len(whole) // 2 + 400 :])
    with pytest.raises(DataError, match=r"t\.parquet: no whole Parquet file: "):
        list(parquet_rows(path))
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), path)
    with pytest.raises(DataError, match=r"t\.parquet: no rows"):
        list(parquet_rows(path))


@pytest.mark.slow
def test_a_larger_group_of_rows_takes_no_more_memory(tmp_path):
    path, draw = tmp_path / "t.parquet", random.Random(0)

    def peak(count):
        texts = [draw.randbytes(4000).hex() for _ in range(count)]
        pq.write_table(pa.table({"text": texts}), path, row_group_size=count)
        before = pa.total_allocated_bytes()
        return max(pa.total_allocated_bytes() for _ in parquet_rows(path)) - before

    assert peak(6000) < 1.2 * peak(2000)
