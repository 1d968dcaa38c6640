import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.base.errors import DataError
from stepsearch_core.benchmarks.sources import read_questions
from stepsearch_core.data.row import Row
from stepsearch_core.data.rows import read_rows
from stepsearch_core.fetching.fetch import fetch, remarks
from stepsearch_core.fetching.training_share import move_to_training, single_hops
from stepsearch_core.params import FetchParams
from tests.stepsearch_core.benchmarks.rows_of_formats import MUSIQUE, write_jsonl


def musique(name, *hop_ids):
    row = copy.deepcopy(MUSIQUE)
    row["id"] = name
    row["question_decomposition"] = [
        {"id": hop, "question": f"what of #1 is {hop}", "answer": "x", "paragraph_support_idx": 0}
        for hop in hop_ids
    ]
    return row


def keys(folder, name):
    return set().union(*map(single_hops, read_rows(folder / f"{name}.jsonl")))


def ids(folder, name):
    return [json.loads(line)["id"] for line in (folder / f"{name}.jsonl").read_text().splitlines()]


@pytest.fixture
def folder(tmp_path):
    # three groups: {a, b, c} by hops 2 and 3, {d, e} by 7, {f}
    rows = [
        musique("a", 1, 2),
        musique("d", 6, 7),
        musique("b", 2, 3),
        musique("f", 9),
        musique("c", 3, 4),
        musique("e", 7, 8),
    ]
    write_jsonl(tmp_path / "musique.jsonl", *rows)
    write_jsonl(tmp_path / "musique_train.jsonl", musique("t", 100))
    return tmp_path


def test_groups_move_whole_and_stand_behind_the_training_rows(folder):
    moved = move_to_training(folder, 0.5)
    assert moved == 3
    assert set(ids(folder, "musique_train")[1:]) in ({"a", "b", "c"}, {"d", "e", "f"})
    assert ids(folder, "musique_train")[0] == "t"
    assert sorted(ids(folder, "musique") + ids(folder, "musique_train")[1:]) == list("abcdef")


def test_what_shares_a_hop_with_a_training_row_moves_whatever_the_share(folder):
    write_jsonl(folder / "musique_train.jsonl", musique("t", 8))
    assert move_to_training(folder, 0.01) == 2
    assert ids(folder, "musique_train") == ["t", "d", "e"]
    assert ids(folder, "musique") == ["a", "b", "f", "c"]


def test_hops_with_other_ids_and_one_whole_text_are_one():
    same = [
        {**MUSIQUE, "question_decomposition": copy.deepcopy(MUSIQUE["question_decomposition"])} for _ in "ab"
    ]
    same[1]["question_decomposition"][0] |= {"id": 77, "question": " dark river  >> AUTHOR "}
    first, second = (single_hops(Row("here", value)) for value in same)
    assert "dark river >> author" in first & second
    assert "id 77" in second - first


def test_a_row_that_is_no_question_stays(folder):
    broken = {**musique("z", 2), "answer": ""}
    with (folder / "musique.jsonl").open("a") as file:
        file.write(json.dumps(broken) + "\n")
    move_to_training(folder, 0.9)
    assert "z" in ids(folder, "musique")


@pytest.mark.parametrize(
    ("rows", "share", "problem"),
    [
        ([musique("a", 1), musique("b", 1)], 1.0, "all questions of musique would be moved"),
        (
            [
                {
                    **musique("a", 1),
                    "question_decomposition": [
                        {"question": "who", "answer": "x", "paragraph_support_idx": 0}
                    ],
                }
            ],
            0.5,
            "no id of 'who'",
        ),
    ],
)
def test_what_cannot_be_moved_is_said(tmp_path, rows, share, problem):
    write_jsonl(tmp_path / "musique.jsonl", *rows)
    with pytest.raises(DataError, match=problem):
        move_to_training(tmp_path, share)


def test_without_a_test_file_there_is_nothing_to_take_from(tmp_path):
    with pytest.raises(DataError, match=r"fetch\.training_share"):
        move_to_training(tmp_path, 0.5)


@given(
    st.lists(st.lists(st.integers(1, 12), min_size=1, max_size=3, unique=True), min_size=2, max_size=12),
    st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=2, unique=True), max_size=2),
    st.floats(0.05, 0.95),
)
def test_no_hop_of_what_stays_has_been_trained_on(tmp_path_factory, asked, trained, share):
    folder = tmp_path_factory.mktemp("share")
    write_jsonl(folder / "musique.jsonl", *(musique(f"q{n}", *hops) for n, hops in enumerate(asked)))
    if trained:
        write_jsonl(folder / "musique_train.jsonl", *(musique(f"t{n}", *h) for n, h in enumerate(trained)))
    try:
        moved = move_to_training(folder, share)
    except DataError:
        return
    stay = keys(folder, "musique")
    assert stay
    if moved or trained:
        assert not stay & keys(folder, "musique_train")


def test_the_manifest_counts_what_lies_there_and_the_user_is_told(folder, tmp_path_factory):
    params = FetchParams(
        source="files",
        folder=str(folder),
        files={"musique": "musique.jsonl", "musique_train": "musique_train.jsonl"},
        training_share=0.5,
    )
    out = tmp_path_factory.mktemp("out") / "fetch"
    manifest = fetch(params, out)
    assert manifest["files"]["musique"]["rows"] == len(read_questions(out, "musique", "test")) == 3
    assert manifest["files"]["musique_train"]["rows"] == len(read_questions(out, "musique", "train")) == 4
    assert manifest["files"]["musique_train"]["rows from musique"] == 3
    assert any("not comparable" in line for line in remarks(manifest))


@pytest.mark.slow
def test_the_real_files_are_split_without_a_shared_hop(tmp_path, real_data):
    for name, file in (
        ("musique", "musique_ans_dev551.jsonl"),
        ("musique_train", "musique_ans_train100.jsonl"),
    ):
        (tmp_path / f"{name}.jsonl").write_bytes((real_data / file).read_bytes())
    moved = move_to_training(tmp_path, 0.5)
    assert 0.45 * 551 < moved <= 0.5 * 551
    stay = keys(tmp_path, "musique")
    assert len(stay) > 300
    assert not stay & keys(tmp_path, "musique_train")
