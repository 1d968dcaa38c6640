import json
from dataclasses import replace

import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.fingerprint import fingerprint
from stepsearch_core.retrieval.index import build_index, open_retriever
from tests.bert import save_bert

TEXTS = [
    ("Ada Lovelace", "She wrote notes."),
    ("Charles Babbage", "He built an engine."),
    ("Rome", "A city."),
]
PARAMS = RetrievalParams(dimensions=64)


@pytest.fixture
def built(make_corpus, tmp_path):
    corpus = make_corpus(TEXTS)
    return corpus, tmp_path / "index", build_index(corpus, PARAMS, tmp_path / "index", measured=["hybrid"])


@pytest.mark.parametrize("method", ["bm25", "dense", "hybrid"])
def test_every_method_finds_passages_of_the_corpus(built, method):
    corpus, folder, _ = built
    retriever = open_retriever(replace(PARAMS, method=method), folder, corpus)
    engine, city, nothing = retriever.search(["who built the engine", "Rome city", "?"], 1)
    assert [hit.passage for hit in engine] == [corpus[1]]
    assert [hit.passage for hit in city] == [corpus[2]]
    assert nothing == []


def test_a_method_can_be_named_besides_the_parameters(built):
    corpus, folder, _ = built
    dense = open_retriever(replace(PARAMS, method="dense"), folder, corpus).search(["notes"], 3)[0]
    assert len(dense) == 3  # BM25 finds only the one that shares a word
    assert len(open_retriever(PARAMS, folder, corpus).search(["notes"], 3)[0]) == 1


def test_the_manifest_says_what_the_index_was_made_from(built):
    corpus, folder, manifest = built
    assert json.loads((folder / "manifest.json").read_text()) == manifest
    assert (manifest["corpus"], manifest["passages"]) == (corpus.hash, 3)
    software = {"bm25s", "regex", "scikit-learn", "sentence-transformers", "transformers", "faiss"}
    assert set(manifest["versions"]) == software


def test_an_index_of_another_corpus_is_refused(built, make_corpus):
    _, folder, _ = built
    with pytest.raises(
        DataError, match=r"manifest\.json: field 'corpus': .* build it again \(`dvc repro index`\)"
    ):
        open_retriever(PARAMS, folder, make_corpus(TEXTS[:2]))


@pytest.mark.parametrize(
    ("method", "change", "named"),
    [
        ("bm25", {"bm25_k1": 0.9}, "bm25"),
        ("bm25", {"bm25_engine": "tantivy"}, "bm25"),
        ("hybrid", {"stopwords": "en"}, "bm25"),
        ("bm25", {"segmenter": "jieba"}, "bm25"),
        ("dense", {"segmenter": "jieba"}, "dense"),
        ("dense", {"encoder": "intfloat/e5-base-v2"}, "dense"),
        ("hybrid", {"dimensions": 128}, "dense"),
        ("dense", {"index_factory": "HNSW32"}, "dense"),
        ("dense", {"dtype": "float16"}, "dense"),
    ],
)
def test_an_index_of_other_settings_is_refused(built, method, change, named):
    corpus, folder, _ = built
    with pytest.raises(DataError, match=rf"field '{named}': the index was built with .* build it again"):
        open_retriever(replace(PARAMS, method=method, **change), folder, corpus)


def test_how_a_sentence_encoder_encodes_passages_belongs_to_the_index_and_its_queries_do_not(
    make_corpus, tmp_path
):
    corpus, bert = make_corpus(TEXTS), save_bert(tmp_path / "bert")
    params = RetrievalParams(method="dense", encoder=bert)
    build_index(corpus, params, tmp_path / "index")
    before = fingerprint(params, tmp_path / "index", corpus)
    asked = replace(params, query_prompt="query: ")
    assert len(open_retriever(asked, tmp_path / "index", corpus).search(["word1"], 3)[0]) == 3
    assert fingerprint(asked, tmp_path / "index", corpus) != before
    assert fingerprint(replace(params, dimensions=5), tmp_path / "index", corpus) == before
    changed = (replace(params, passage_prompt="passage: "), replace(params, encoder_dtype="bfloat16"))
    for other in changed:
        with pytest.raises(DataError, match=r"field 'dense': the index was built with .* build it again"):
            open_retriever(other, tmp_path / "index", corpus)


def test_settings_of_an_index_that_is_not_searched_do_not_matter(built):
    corpus, folder, _ = built
    changed = replace(PARAMS, dimensions=128, fusion_constant=1)
    assert open_retriever(changed, folder, corpus).search(["Ada"], 1)[0][0].passage == corpus[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "measured", "built"),
    [
        ("bm25", [], ["bm25"]),
        ("dense", ["dense"], ["dense"]),
        ("dense", ["bm25"], ["bm25", "dense"]),
        ("hybrid", [], ["bm25", "dense"]),
    ],
)
def test_only_what_is_searched_or_measured_is_built(make_corpus, tmp_path, method, measured, built):
    corpus, folder = make_corpus(TEXTS), tmp_path / "index"
    manifest = build_index(corpus, replace(PARAMS, method=method), folder, measured=measured)
    assert list(manifest["settings"]) == built
    assert sorted(path.name for path in folder.iterdir()) == [*built, "manifest.json"]
    for name in {"bm25", "dense"} - {*built}:
        with pytest.raises(DataError, match=rf"no {name} index was built, .* \(`dvc repro index`\)$"):
            open_retriever(replace(PARAMS, method=name), folder, corpus)


def test_a_last_part_that_is_missing_is_noticed(make_corpus, tmp_path, monkeypatch):
    monkeypatch.setattr("stepsearch_core.retrieval.shards.SHARD_PASSAGES", 1)
    monkeypatch.setattr("stepsearch_core.retrieval.parts.PART_BYTES", 1)
    corpus, params = make_corpus(TEXTS), replace(PARAMS, method="dense")
    build_index(corpus, params, tmp_path / "index")
    (tmp_path / "index" / "dense" / "part_0000000002.faiss").unlink()
    with pytest.raises(DataError, match="2 vectors of 3: a part is missing"):
        open_retriever(params, tmp_path / "index", corpus)


def test_no_index_is_an_error(make_corpus, tmp_path):
    with pytest.raises(DataError, match="no such file"):
        open_retriever(PARAMS, tmp_path / "index", make_corpus(TEXTS))
