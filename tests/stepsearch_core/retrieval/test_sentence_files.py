import json

import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.retrieval.sentence_files import (
    PASSAGE_PROMPTS,
    SentenceFiles,
    first_prompt,
    read_sentence_files,
)
from tests.bert import save_bert, save_modules

POOLING = ("Pooling", {"word_embedding_dimension": 16, "pooling_mode_mean_tokens": True})


def test_a_folder_of_transformers_alone(tmp_path):
    save_bert(tmp_path)
    assert read_sentence_files(tmp_path) == SentenceFiles(False, tmp_path, 16, "", "")


def test_modules_and_prompts(tmp_path):
    save_modules(tmp_path / "a", POOLING, prompts={"query": "q: ", "corpus": "c: ", "passage": "p: "})
    assert read_sentence_files(tmp_path / "a") == SentenceFiles(True, tmp_path / "a", 16, "q: ", "p: ")
    save_modules(tmp_path / "b", POOLING, ("Normalize", {}))
    (tmp_path / "b" / "config_sentence_transformers.json").unlink()
    assert read_sentence_files(tmp_path / "b") == SentenceFiles(True, tmp_path / "b", 16, "", "")


@pytest.mark.parametrize(
    ("pooling", "dimensions"),
    [
        ({"word_embedding_dimension": 8, "pooling_mode_cls_token": True}, 8),
        (
            {"word_embedding_dimension": 8, "pooling_mode_cls_token": True, "pooling_mode_max_tokens": True},
            16,
        ),
        ({"word_embedding_dimension": 8, "pooling_mode_cls_token": False}, 8),
        ({"embedding_dimension": 8, "pooling_mode": "lasttoken"}, 8),
        ({"embedding_dimension": 8, "pooling_mode": ["cls", "mean", "max"]}, 24),
        ({}, None),
    ],
)
def test_dimensions_by_ways_of_pooling(tmp_path, pooling, dimensions):
    save_modules(tmp_path / "a", ("Pooling", pooling))
    assert read_sentence_files(tmp_path / "a").dimensions == dimensions


def test_of_modules_that_are_not_known_nothing_is_said(tmp_path):
    save_modules(tmp_path / "a", POOLING, ("Whitening", {}))
    assert read_sentence_files(tmp_path / "a").dimensions is None
    listed = [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Router"}]
    (tmp_path / "a" / "modules.json").write_text(json.dumps(listed))
    assert read_sentence_files(tmp_path / "a") == SentenceFiles(True, None, None, "", "")


def test_the_first_prompt_that_says_anything():
    assert first_prompt({"passage": "p: ", "document": ""}, PASSAGE_PROMPTS) == "p: "
    assert first_prompt({"query": "q: ", "document": None}, PASSAGE_PROMPTS) == ""


@pytest.mark.parametrize("modules", ["[]", "{}", "[3]", '[{"type": "a.B"}]', "["])
def test_a_list_of_modules_that_is_none(tmp_path, modules):
    save_modules(tmp_path / "a", POOLING)
    (tmp_path / "a" / "modules.json").write_text(modules)
    with pytest.raises(DataError, match=r"modules\.json"):
        read_sentence_files(tmp_path / "a")
