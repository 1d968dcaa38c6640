from stepsearch_core.checking.disk import existing, size_of


def test_the_nearest_folder_that_is_there(tmp_path):
    assert existing(tmp_path / "a" / "b") == tmp_path
    (tmp_path / "a").mkdir()
    assert existing(tmp_path / "a" / "b") == tmp_path / "a"


def test_the_bytes_of_all_files_below(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "one").write_bytes(bytes(3))
    (tmp_path / "a" / "b" / "two").write_bytes(bytes(4))
    assert size_of(tmp_path) == 7
    assert size_of(tmp_path / "none") == 0
