"""Bad input, or an error that explains itself, ends a stage with one line and exit status 1."""

import os
import re
import subprocess
import sys

import pytest

from stepsearch_core.base.types import Passage
from stepsearch_core.benchmarks.gold_matching import GoldMatcher
from stepsearch_core.data.corpus import Corpus, build_corpus
from stepsearch_core.params import CorpusParams, RetrievalParams
from stepsearch_core.retrieval.index import build_index
from stepsearch_core.retrieval.retriever import RetrievalError, RetrievalTimeoutError
from tasks import stage as stages
from tasks.stage import look_first, run
from tests.checkout import link_checkout
from tests.import_graph import ROOT
from tests.profiles import whole
from tests.stepsearch_core.benchmarks.rows_of_formats import MUSIQUE, damaged, write_jsonl

TINY, MICRO = whole("tiny"), whole("micro")


def start(stage, folder, params=TINY, check="off"):
    """Run a stage to its end; what a look before it would have found is left to the stage itself."""
    (folder / "params.yaml").write_text(params)
    code = (
        f"import sys, runpy; sys.path.insert(0, {str(ROOT)!r}); runpy.run_module('tasks.{stage}',"
        " run_name='__main__')"
    )
    environment = {**os.environ, "STEPSEARCH_CHECK": check}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, env=environment
    )


def refusal(stage, folder, params=TINY) -> str:
    """The last line that the stage writes."""
    done = start(stage, folder, params)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


def test_an_error_that_explains_itself(monkeypatch):
    def work(params):
        raise RetrievalError("the retriever is down")

    monkeypatch.setattr(sys, "argv", ["stage", "--params", str(ROOT / "params.yaml")])
    with pytest.raises(SystemExit) as ended:
        run("stage", work)
    assert ended.value.code == "stage: the retriever is down"  # Python prints it and exits with 1


def test_one_process_s_work_is_refused_in_several(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["stage", "--params", str(ROOT / "params.yaml")])
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(SystemExit) as ended:
        run("stage", lambda params: pytest.fail("it began"))
    assert ended.value.code == (
        "stage: rank 1: this stage is one process's work, but 2 were started; start it alone"
    )


def test_a_service_that_does_not_answer_is_worth_another_try(monkeypatch, capsys):
    def work(params):
        raise RetrievalTimeoutError("the service is silent")

    monkeypatch.setattr(sys, "argv", ["stage", "--params", str(ROOT / "params.yaml")])
    with pytest.raises(SystemExit) as ended:
        run("stage", work)
    assert ended.value.code == os.EX_TEMPFAIL
    assert capsys.readouterr().err.endswith("stage: network: the service is silent\n")


@pytest.mark.slow
def test_parameters(tmp_path):
    message = refusal("train", tmp_path, re.sub(r"\n  steps: \d+", "\n  steps: 0", TINY))
    assert message == "train: params.yaml: train.steps: 0 is not at least 1"


@pytest.mark.slow
def test_a_damaged_file_and_nothing_is_written(tmp_path):
    row = damaged("musique", "question_decomposition", 0, "paragraph_support_idx", to=9)
    (tmp_path / "asked").mkdir()
    write_jsonl(tmp_path / "asked" / "m.jsonl", MUSIQUE, {**row, "id": "other"})
    params = TINY.replace("source: world ", "source: files ").replace(
        "folder: stepsearch_core/worlds", "folder: asked"
    )
    message = refusal("fetch", tmp_path, params.replace("files: {} ", "files: {musique: m.jsonl} "))
    field = "question_decomposition[0].paragraph_support_idx"
    assert message == f"fetch: asked/m.jsonl, line 2: field {field!r}: 9 is no paragraph's idx (there are 4)"
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.slow
def test_a_data_set_or_model_that_is_not_there(tmp_path):
    params = TINY.replace("source: world ", "source: files ").replace(
        "folder: stepsearch_core/worlds", "folder: asked"
    )
    message = refusal("fetch", tmp_path, params.replace("files: {} ", "files: {musique: m.jsonl} "))
    assert message == "fetch: asked/m.jsonl: fetch.files: musique: no such file"
    link_checkout(tmp_path)
    assert refusal("index", tmp_path) == "index: data/corpus/manifest.json: no such file"
    build_corpus(
        [Passage("", "Ada", "She wrote."), Passage("", "Bob", "He built.")], tmp_path / "data" / "corpus"
    )
    (tmp_path / "data" / "fetch").mkdir()
    message = refusal("index", tmp_path, TINY.replace("encoder: hashing ", "encoder: no/such-model "))
    assert message.startswith(
        "index: params: field 'retrieval.encoder': no encoder 'no/such-model' can be loaded"
    )


@pytest.mark.slow
def test_an_index_of_another_corpus(tmp_path):
    build_corpus([Passage("", "Ada", "She wrote."), Passage("", "Bob", "He built.")], tmp_path / "other")
    build_corpus(
        [Passage("", "Ada", "She wrote.")],
        tmp_path / "data" / "corpus",
        GoldMatcher((), CorpusParams()).write,
    )
    build_index(Corpus.open(tmp_path / "other"), RetrievalParams(), tmp_path / "data" / "index")
    (tmp_path / "data" / "fetch").mkdir()
    write_jsonl(tmp_path / "data" / "fetch" / "musique_train.jsonl", MUSIQUE)
    message = refusal("synthesize", link_checkout(tmp_path))
    assert message.startswith(
        "synthesize: data/index/manifest.json: field 'corpus': the index was built with "
    )


@pytest.mark.slow
def test_what_could_end_the_run_ends_its_first_stage_before_any_work(tmp_path):
    row = damaged("musique", "question_decomposition", 0, "paragraph_support_idx", to=9)
    (tmp_path / "asked").mkdir()
    write_jsonl(tmp_path / "asked" / "m.jsonl", MUSIQUE, {**row, "id": "other"})
    params = TINY.replace("source: world ", "source: files ").replace(
        "folder: stepsearch_core/worlds", "folder: asked"
    )
    params = params.replace("files: {} ", "files: {musique: m.jsonl} ").replace(
        "factory: Flat", "factory: IVFlat"
    )
    done = start("fetch", tmp_path, params, check="on")
    assert done.returncode == 1
    assert (
        "error: asked/m.jsonl, line 2: question_decomposition[0].paragraph_support_idx: 9 is " in done.stderr
    )
    assert "retrieval.index_factory: FAISS cannot make 'IVFlat'" in done.stderr  # of a later stage
    assert done.stderr.splitlines()[-1].startswith("fetch: not begun, since the errors above would end it")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["asked", "params.yaml"]


@pytest.mark.slow
def test_one_look_serves_all_stages_of_the_same_parameters(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STEPSEARCH_CHECK", raising=False)
    params = tmp_path / "params.yaml"

    def looks(*, stage, fetch_first=False) -> bool:
        before = stages.CHECKED.stat().st_mtime_ns if stages.CHECKED.is_file() else None
        look_first(stage, params, fetch_first)
        assert capfd.readouterr().err == ""  # nothing to say
        return stages.CHECKED.is_file() and stages.CHECKED.stat().st_mtime_ns != before

    params.write_text(MICRO)
    assert looks(stage="fetch")
    assert not looks(stage="corpus")
    assert not looks(stage="train")
    params.write_text(MICRO.replace("seed: 0", "seed: 1"))
    assert looks(stage="train")
    assert not looks(stage="report")  # nothing long comes after it
    os.utime(stages.CHECKED, (0, 0))
    assert looks(stage="evaluate")  # a disk may have filled up meanwhile
    (tmp_path / "data" / "fetch").mkdir(parents=True)
    (tmp_path / "data" / "fetch" / "manifest.json").write_text("{}")
    assert not looks(stage="corpus")
    assert looks(stage="corpus", fetch_first=True)  # what was only at the hub has been brought here
    assert not looks(stage="index", fetch_first=True)
    os.utime(stages.CHECKED, (0, 0))
    monkeypatch.setenv("RANK", "1")
    assert not looks(stage="train")  # the first rank does it
    monkeypatch.delenv("RANK")
    monkeypatch.setenv("STEPSEARCH_CHECK", "off")
    assert not looks(stage="train")
