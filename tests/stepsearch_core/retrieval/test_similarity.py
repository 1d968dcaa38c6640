import itertools
import math
import shutil
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import read_jsonl
from stepsearch_core.base.text import passage_id, words
from stepsearch_core.base.types import Passage
from stepsearch_core.data.corpus import Corpus, build_corpus
from stepsearch_core.retrieval.similarity import TfidfSimilarity

CORPUS = ["red apple", "red car", "blue sky"]
texts = st.lists(st.sampled_from(["red", "apple", "car", "blue", "sky", "x"]), max_size=6).map(" ".join)


def passages(texts):
    return [Passage(str(number), "", text) for number, text in enumerate(texts)]


def cosines(corpus, golds, others):
    """Cosines between texts that are all in the corpus."""
    similarity = TfidfSimilarity.fit(passages(corpus))
    return similarity.cosine(
        [str(corpus.index(text)) for text in golds], [str(corpus.index(text)) for text in others]
    )


def test_worked_case():
    # N = 3; df(red) = 2 -> idf ln(4/3) + 1 = 1.2876821; df(apple) = df(car) = 1 -> ln(4/2) + 1 = 1.6931472
    # cos("red apple", "red car") = 1.2876821^2 / (1.2876821^2 + 1.6931472^2) = 1.6581251 / 4.5248725
    found = cosines(CORPUS, ["red apple"], CORPUS)
    assert found.shape == (1, 3)
    assert found[0].tolist() == pytest.approx([1.0, 0.3664468, 0.0], abs=1e-6)


def test_repeated_words_weigh_more():
    # N = 3, df(red) = 2, df(car) = 2: both idf 1.2876821, so only counts matter: (2, 1) . (1, 1) / (sqrt 5
    # sqrt 2)
    found = cosines(["red red car", "red car", "sky"], ["red red car"], ["red car"])
    assert found[0, 0] == pytest.approx(3 / math.sqrt(10), abs=1e-12)


def test_titles_count_for_the_frequencies_only():
    # N = 2; "red" is in one text and in the other's title: df 2 -> idf 1; df(car) = 1 -> idf ln(3/2) + 1 =
    # 1.4054651
    similarity = TfidfSimilarity.fit([Passage("a", "Blue", "red car"), Passage("b", "Red red", "car")])
    # df(car) = 2 as well
    assert similarity.cosine(["a"], ["b"])[0, 0] == pytest.approx(1 / math.sqrt(2), abs=1e-12)
    similarity = TfidfSimilarity.fit(
        [Passage("a", "", "red car"), Passage("b", "Red", "sky"), Passage("c", "", "car")]
    )
    # df(red) = df(car) = 2: equal weights; without the title red would weigh more
    assert similarity.cosine(["a"], ["c"])[0, 0] == pytest.approx(1 / math.sqrt(2), abs=1e-12)
    assert similarity.cosine(["a"], ["b"])[0, 0] == 0.0


def test_texts_without_terms_are_like_nothing():
    similarity = TfidfSimilarity.fit(passages(["?! –", "", "red"]))
    assert similarity.cosine(["0", "1"], ["0", "2"]).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert similarity.cosine(["2"], ["1", "2", "0", "2"]).tolist() == [[0.0, 1.0, 0.0, 1.0]]
    assert similarity.cosine([], ["2"]).shape == (0, 1)
    assert similarity.cosine(["2"], []).shape == (1, 0)
    assert similarity.cosine([], []).shape == (0, 0)


def test_no_passages():
    similarity = TfidfSimilarity.fit([])
    assert similarity.known(["a"]) == []
    assert similarity.cosine([], []).shape == (0, 0)


def test_unknown_passages():
    similarity = TfidfSimilarity.fit(passages(CORPUS))
    assert similarity.known(["absent", "2", "0"]) == ["2", "0"]
    with pytest.raises(KeyError, match="absent"):
        similarity.cosine(["0"], ["1", "absent"])


@pytest.mark.slow
@given(st.lists(texts, min_size=1, max_size=6), st.data())
def test_cosines_are_symmetric_bounded_and_the_same_in_any_company(corpus, data):
    similarity = TfidfSimilarity.fit(passages(corpus))
    some = st.lists(st.integers(0, len(corpus) - 1).map(str), min_size=1, max_size=4)
    golds, others = data.draw(some), data.draw(some)
    found = similarity.cosine(golds, others)
    assert np.abs(found - similarity.cosine(others, golds).T).max() < 1e-15
    assert found.min() >= 0
    assert found.max() <= 1
    alone = [[similarity.cosine([gold], [other])[0, 0] for other in others] for gold in golds]
    assert found.tolist() == alone


@given(st.lists(texts, min_size=1, max_size=6).filter(any))
def test_agrees_with_scikit_learn(corpus):
    vectors = TfidfVectorizer(token_pattern=r"\w+").fit_transform(corpus)
    assert np.abs(cosines(corpus, corpus, corpus) - (vectors @ vectors.T).toarray()).max() < 1e-12


@pytest.fixture
def stored(tmp_path):
    """A corpus, and the folder of its statistics."""
    texts = [*CORPUS, "naïve café", "red " * 70_000]
    build_corpus([Passage("", "Title", text) for text in texts], tmp_path / "corpus")
    corpus = Corpus.open(tmp_path / "corpus")
    TfidfSimilarity.build(corpus, tmp_path / "tfidf")
    return corpus, tmp_path / "tfidf"


def test_what_is_written_gives_the_values_of_what_is_in_memory(stored):
    corpus, folder = stored
    ids = [passage.id for passage in corpus]
    opened = TfidfSimilarity.open(folder, corpus)
    assert opened.documents == 5
    assert np.array_equal(opened.cosine(ids, ids), TfidfSimilarity.fit(corpus).cosine(ids, ids))
    assert opened.known([passage_id("Title", "red car"), "absent", "0" * 16]) == [
        passage_id("Title", "red car")
    ]


def damage(folder, name, change):
    (folder / name).write_bytes(change((folder / name).read_bytes()))


@pytest.mark.parametrize(
    "name", ["terms.bin", "counts.bin", "starts.npy", "frequencies.npy", "manifest.json"]
)
@pytest.mark.parametrize("change", [lambda content: b"", lambda content: content[:-4], None])
def test_a_damaged_folder_is_named(stored, name, change):
    corpus, folder = stored
    damage(folder, name, change) if change else (folder / name).unlink()
    with pytest.raises(DataError, match="tfidf"):
        TfidfSimilarity.open(folder, corpus)


def test_statistics_of_another_corpus_are_refused(stored, tmp_path):
    build_corpus(passages(CORPUS), tmp_path / "other")
    with pytest.raises(DataError, match="another corpus"):
        TfidfSimilarity.open(stored[1], Corpus.open(tmp_path / "other"))


def test_statistics_of_another_segmenter_are_refused(stored):
    corpus, folder = stored
    with pytest.raises(
        DataError, match=r"manifest\.json: field 'segmenter': words found by unicode, but jieba is asked"
    ):
        TfidfSimilarity.open(folder, corpus, "jieba")


def test_building_again_gives_the_same_bytes(stored, tmp_path):
    corpus, folder = stored
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    shutil.rmtree(folder)
    TfidfSimilarity.build(corpus, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.fixture(scope="module")
def real_passages(real_data):
    rows = itertools.islice(read_jsonl(real_data / "corpus.jsonl"), 3000)
    return [Passage(row["id"], row["title"], row["text"]) for _, row in rows]


def test_agrees_with_scikit_learn_on_real_text(real_passages):
    similarity, ids = TfidfSimilarity.fit(real_passages), [passage.id for passage in real_passages[:40]]
    model = TfidfVectorizer(analyzer=words).fit(passage.contents for passage in real_passages)
    vectors = model.transform(passage.text for passage in real_passages[:40])
    assert np.abs(similarity.cosine(ids[:5], ids) - (vectors[:5] @ vectors.T).toarray()).max() < 1e-12


def test_a_training_step_costs_milliseconds(real_passages):
    similarity, ids = TfidfSimilarity.fit(real_passages), [passage.id for passage in real_passages]

    def step():
        """64 trajectories of 4 searches with 3 passages each, against 2 gold passages."""
        start = time.process_time()
        for row in range(64):
            similarity.cosine(ids[2000 + row : 2002 + row], ids[12 * row : 12 * row + 12])
        return time.process_time() - start

    assert min(step() for _ in range(5)) < 0.020
