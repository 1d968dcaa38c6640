import hashlib

import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.hashes import sha256_file, sha256_files, sha256_folder, sha256_json, sha256_samples

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1


def test_a_files_hash_is_that_of_its_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_file(tmp_path / "a") == ABC


def test_hashes_of_files_and_of_all_below_folders_follow_their_content(tmp_path):
    code = tmp_path / "code"
    (code / "deep" / "__pycache__").mkdir(parents=True)
    for file in (tmp_path / "alone", code / "deep" / "a", code / "deep" / "__pycache__" / "a.pyc"):
        file.write_bytes(b"abc")
    paths = [tmp_path / "alone", code]
    assert sha256_files(paths) == {str(tmp_path / "alone"): ABC, str(code / "deep" / "a"): ABC}
    (code / "deep" / "a").write_bytes(b"abd")  # as long as it was
    assert sha256_files(paths)[str(code / "deep" / "a")] == sha256_file(code / "deep" / "a") != ABC
    with pytest.raises(DataError, match="none: no such file or folder"):
        sha256_files([*paths, tmp_path / "none"])


def test_a_large_files_samples_are_spread_over_all_of_it(tmp_path):
    """20 MiB: a change at the beginning, in the middle or at the end shows, as does one byte more."""
    file, hashes = tmp_path / "large", set()
    for place in (None, 0, 10 << 20, (20 << 20) - 1, 20 << 20):
        file.write_bytes(bytes(20 << 20))
        if place is not None:
            with file.open("r+b") as opened:
                opened.seek(place)
                opened.write(b"x" * (2 << 20 if place == 10 << 20 else 1))
        hashes.add(sha256_samples(file))
    assert len(hashes) == 5
    assert sha256_samples(file) == sha256_samples(file)


def test_a_folders_hash_goes_by_names_and_contents(tmp_path):
    def folder(name, **files):
        made = tmp_path / name
        made.mkdir()
        for file, text in files.items():
            (made / file).write_text(text)
        return made

    first = sha256_folder(folder("first", a="1", b="2"))
    assert first == sha256_folder(folder("written_the_other_way_round", b="2", a="1"))
    hashes = {name: sha256_file(tmp_path / "first" / name) for name in "ab"}
    assert first == sha256_json(hashes)
    others = [folder("content", a="1", b="3"), folder("name", a="1", c="2"), folder("fewer", a="1")]
    assert len({first, *map(sha256_folder, others)}) == 4
    (tmp_path / "first" / "deeper").mkdir()
    assert sha256_folder(tmp_path / "first") == first


def test_a_folder_without_files_has_none(tmp_path):
    with pytest.raises(DataError, match="no files here"):
        sha256_folder(tmp_path)


def test_a_values_hash_does_not_depend_on_the_order_of_keys():
    assert sha256_json({"a": 1, "b": [1, 2]}) == sha256_json({"b": [1, 2], "a": 1})
    assert sha256_json("é") == hashlib.sha256(b'"\xc3\xa9"').hexdigest()  # as UTF-8, not escaped
    assert len({sha256_json(value) for value in ({"a": [1, 2]}, {"a": [2, 1]}, {"a": "1"}, None, {})}) == 5
