import json
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.text import passage_id, squeeze
from stepsearch_core.base.types import Passage
from stepsearch_core.data.account import Account
from stepsearch_core.data.corpus import UNTITLED, Corpus, build_corpus, read_corpus_file

PASSAGES = [
    Passage("wrong on purpose", "Ada  Lovelace", "She wrote\tnotes."),
    Passage("", "Ada Lovelace", "She wrote notes."),
    Passage("", "", "No title here."),
    Passage("", "Ada Lovelace", "She wrote programs."),
]


def lines(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_passage_is_kept_once_under_the_id_of_its_squeezed_content(tmp_path):
    report = build_corpus(PASSAGES, tmp_path / "corpus")
    corpus = Corpus.open(tmp_path / "corpus")
    assert (report["rows"], report["duplicates"]) == (3, 1)
    assert len(corpus) == 3
    assert corpus[0] == Passage(
        passage_id("Ada Lovelace", "She wrote notes."), "Ada Lovelace", "She wrote notes."
    )
    assert list(corpus.contents()) == [
        "Ada Lovelace\nShe wrote notes.",
        "No title here.",
        "Ada Lovelace\nShe wrote programs.",
    ]
    assert json.loads((tmp_path / "corpus" / "manifest.json").read_text()) == report


texts = st.text(alphabet="ab é\u0301\n", max_size=4)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=12))
def test_every_distinct_content_is_found_where_it_first_came(contents):
    with tempfile.TemporaryDirectory() as folder:
        report = build_corpus((Passage("", *content) for content in contents), Path(folder) / "corpus")
        corpus = Corpus.open(Path(folder) / "corpus")
        distinct = list(dict.fromkeys((squeeze(title), squeeze(text)) for title, text in contents))
        assert [(passage.title, passage.text) for passage in corpus] == distinct
        assert report["duplicates"] == len(contents) - len(distinct)
        for position, content in enumerate(distinct):
            assert corpus.position(passage_id(*content)) == position
            assert corpus.get(passage_id(*content)) == corpus[position]
        ids = [passage_id(*content) for content in reversed(distinct)]
        assert corpus.positions([*ids, "f" * 16]).tolist() == [*reversed(range(len(distinct))), -1]


@pytest.mark.parametrize("identifier", ["", "zz", "0" * 16, "f" * 16, "f" * 40])
def test_an_unknown_id_is_not_in_the_corpus(tmp_path, identifier):
    build_corpus(PASSAGES, tmp_path / "corpus")
    corpus = Corpus.open(tmp_path / "corpus")
    assert identifier not in corpus
    with pytest.raises(KeyError, match="no passage with id"):
        corpus.get(identifier)
    assert corpus.positions([corpus[1].id, identifier]).tolist() == [1, -1]
    assert corpus.positions([]).tolist() == []


@pytest.mark.parametrize("position", [-1, 3])
def test_a_position_outside_the_corpus_is_an_error(tmp_path, position):
    build_corpus(PASSAGES, tmp_path / "corpus")
    with pytest.raises(IndexError, match="in a corpus of 3"):
        Corpus.open(tmp_path / "corpus")[position]


def test_the_hash_names_content_and_order(tmp_path):
    def hash_of(name, passages):
        return build_corpus(passages, tmp_path / name)["hash"]

    first = hash_of("a", PASSAGES)
    assert hash_of("b", PASSAGES[1:]) == first  # the first two are one passage
    assert hash_of("c", PASSAGES[::-1]) != first
    assert hash_of("d", PASSAGES[:3]) != first
    assert Corpus.open(tmp_path / "a").hash == first


def test_passages_stay_on_disk(tmp_path):
    build_corpus((Passage("", str(number), "x" * 1000) for number in range(20_000)), tmp_path / "corpus")
    before = pa.total_allocated_bytes()
    corpus = Corpus.open(tmp_path / "corpus")
    assert corpus[19_999].title == "19999"
    assert pa.total_allocated_bytes() - before < 1_000_000  # of 20 MB
    assert isinstance(corpus._keys.base, np.memmap)
    assert isinstance(corpus._positions.base, np.memmap)


def test_a_failed_build_leaves_the_old_corpus(tmp_path):
    def broken():
        yield PASSAGES[2]
        raise DataError("damaged", "file", 2)

    report = build_corpus(PASSAGES, tmp_path / "corpus")
    with pytest.raises(DataError, match="damaged"):
        build_corpus(broken(), tmp_path / "corpus")
    assert Corpus.open(tmp_path / "corpus").hash == report["hash"]
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]


def test_what_completes_a_corpus_is_part_of_it_or_there_is_none(tmp_path):
    def complete(folder):
        assert (folder / "passages.arrow").exists()
        (folder / "more").write_text("more")
        return {"more": 1}

    def fail(folder):
        raise DataError("damaged", folder)

    assert build_corpus(PASSAGES, tmp_path / "corpus", complete)["more"] == 1
    assert json.loads((tmp_path / "corpus" / "manifest.json").read_text())["more"] == 1
    with pytest.raises(DataError, match="damaged"):
        build_corpus(PASSAGES[:1], tmp_path / "corpus", fail)
    assert (tmp_path / "corpus" / "more").read_text() == "more"
    assert len(Corpus.open(tmp_path / "corpus")) == 3


def test_passages_that_only_questions_bring_are_counted_apart(tmp_path):
    new = [Passage("", "Rome", "A city."), Passage("", "Rome", " A  city. "), PASSAGES[0]]
    report = build_corpus(PASSAGES, tmp_path / "corpus", of_questions=new)
    assert (report["rows"], report["of_questions"], report["duplicates"]) == (4, 1, 3)
    assert [passage.title for passage in Corpus.open(tmp_path / "corpus")][-1] == "Rome"
    together = build_corpus([*PASSAGES, *new], tmp_path / "together")
    assert together == report | {"of_questions": 0}
    assert build_corpus([], tmp_path / "alone", of_questions=new)["of_questions"] == 2


def test_a_corpus_without_passages_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no passage"):
        build_corpus([], tmp_path / "corpus")
    with pytest.raises(DataError, match="no such file"):
        Corpus.open(tmp_path / "corpus")


def test_both_formats_of_corpus_files_are_read(tmp_path):
    path = lines(
        tmp_path / "corpus.jsonl",
        {"id": "p1", "title": "Ada Lovelace", "text": "She wrote notes."},
        {"id": 2, "contents": '"Ada Lovelace"\nShe wrote notes.'},
        {"id": "3", "contents": 'The "Analytical" Engine\nA machine.\nNever built.'},
    )
    first, second, third = read_corpus_file(path)
    assert (
        first
        == second
        == Passage(passage_id("Ada Lovelace", "She wrote notes."), "Ada Lovelace", "She wrote notes.")
    )
    assert (third.title, third.text) == ('The "Analytical" Engine', "A machine.\nNever built.")


def test_contents_of_one_line_are_text_without_a_title_and_counted(tmp_path):
    path = lines(
        tmp_path / "corpus.jsonl",
        {"id": "1", "contents": "She wrote notes."},
        {"id": "2", "contents": "A\nB"},
    )
    account = Account(path)
    passages = list(read_corpus_file(path, account))
    assert [(passage.title, passage.text) for passage in passages] == [("", "She wrote notes."), ("A", "B")]
    assert account.oddities == {UNTITLED: 1}


def test_bad_passages_are_dropped_up_to_a_limit(tmp_path):
    path = lines(
        tmp_path / "corpus.jsonl", {"id": 1, "title": "A", "text": ""}, *[{"id": 1, "contents": "A\nB"}] * 2
    )
    account = Account(path, limit=2)
    assert [passage.title for passage in read_corpus_file(path, account)] == ["A"]
    assert [(row["place"], row["field"]) for row in account.rows()] == [("line 1", "text"), ("line 3", "id")]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"id": "2", "title": "T"}, "line 2: field 'text': missing"),
        ({"id": "2", "text": "T"}, "line 2: field 'title': missing"),
        ({"title": "T", "text": "T"}, "line 2: field 'id': missing"),
        ({"id": "2", "title": None, "text": "T"}, "line 2: field 'title': expected text, found NoneType"),
        ({"id": ["2"], "title": "T", "text": "T"}, "line 2: field 'id': expected text, found list"),
        ({"id": True, "title": "T", "text": "T"}, "line 2: field 'id': expected an integer, found bool"),
        (
            {"id": "2", "title": "\ud800", "text": "T"},
            "line 2: field 'title': not Unicode text (surrogates not allowed)",
        ),
        ({"id": "2", "contents": 3}, "line 2: field 'contents': expected text, found int"),
        ({"id": "2", "contents": "only a title\n"}, "line 2: field 'contents': holds no text"),
        ({"id": "2", "title": "T", "text": " \n"}, "line 2: field 'text': holds no text"),
        ({"id": "1", "title": "T", "text": "T"}, "line 2: field 'id': '1' is the id of an earlier passage"),
        ({"id": 1, "title": "T", "text": "T"}, "line 2: field 'id': '1' is the id of an earlier passage"),
    ],
)
def test_a_damaged_line_is_named_with_its_field(tmp_path, row, message):
    path = lines(tmp_path / "corpus.jsonl", {"id": "1", "title": "One", "text": "Fine."}, row)
    with pytest.raises(DataError) as error:
        list(read_corpus_file(path))
    assert str(error.value) == f"{path}, {message}"


def test_an_empty_or_missing_corpus_file_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no rows"):
        list(read_corpus_file(lines(tmp_path / "corpus.jsonl")))
    with pytest.raises(DataError, match="no such file"):
        list(read_corpus_file(tmp_path / "missing.jsonl"))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda folder: (folder / "manifest.json").write_text('{"rows": 3}'),
            "manifest.json: field 'hash': missing",
        ),
        (lambda folder: (folder / "keys.npy").unlink(), ": no whole corpus: "),
        (lambda folder: (folder / "keys.npy").write_bytes(b""), ": no whole corpus: "),
        (lambda folder: (folder / "passages.arrow").unlink(), ": no whole corpus: "),
        (lambda folder: (folder / "passages.arrow").write_bytes(b"ARROW1"), ": no whole corpus: "),
        (
            lambda folder: np.save(folder / "keys.npy", np.zeros(2, np.uint64)),
            ": no whole corpus: 3 passages",
        ),
    ],
)
def test_a_damaged_corpus_is_named(tmp_path, damage, message):
    build_corpus(PASSAGES, tmp_path / "corpus")
    damage(tmp_path / "corpus")
    with pytest.raises(DataError) as error:
        Corpus.open(tmp_path / "corpus")
    assert str(error.value).startswith(str(tmp_path / "corpus"))
    assert message in str(error.value)
