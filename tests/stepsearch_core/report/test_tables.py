from stepsearch_core.report.tables import Table, cell_text, report_tables


def test_cells():
    assert [cell_text(value) for value in (None, True, 21015324, 0.7491, ["a", 2], "x", "0f" * 32)] == [
        "–",
        "yes",
        "21,015,324",
        "0.749",
        "a, 2",
        "x",
        "0f0f0f0f0f0f…",
    ]


def test_numbers_grids_and_rows():
    report = {
        "passages": 12,
        "recall": {"bm25": {"2": 0.5, "10": 0.75}, "dense": {"2": 0.25}},
        "files": [{"name": "a", "rows": 3}],
    }
    assert report_tables(report) == [
        Table("", ("", "value"), (("Passages", "12"),)),
        Table("Recall", ("", "2", "10"), (("BM25", "0.500", "0.750"), ("Dense", "0.250", "–"))),
        Table("Files", ("Name", "Rows"), (("a", "3"),)),
    ]


def test_deeper_objects_are_titled_by_their_path():
    tables = report_tables(
        {"recall": {"musique": {"bm25": {"3": 0.749}}, "bamboogle": {"bm25": {"3": 0.5}}}}
    )
    assert [table.title for table in tables] == ["Recall: MuSiQue", "Recall: Bamboogle"]
