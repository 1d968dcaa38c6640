import pytest
from huggingface_hub import ModelCard, metadata_load
from huggingface_hub.repocard_data import model_index_to_eval_results

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import write_json
from stepsearch_core.params import Params
from stepsearch_core.report.leaderboard import leaderboard_rows
from stepsearch_core.report.model_card import model_card, training_sets
from tests.report_data import make_evaluated


@pytest.fixture
def folder(tmp_path):
    write_json(tmp_path / "config.json", {"model_type": "qwen3"})
    return tmp_path


@pytest.fixture
def theirs(metrics):
    """An evaluation in which the policy `released` of others stands in place of the trained one."""
    evaluated = make_evaluated()
    for policies in (metrics, evaluated["policies"], evaluated["provenance"]["policies"]):
        policies["released"] = policies.pop("trained")
    return evaluated


@pytest.fixture
def made(folder, metrics):
    """The card of a policy, as it reads back from its file."""

    def make(policy="trained", source=None, sets=(), evaluated=None):
        evaluated = evaluated or make_evaluated()
        rows = [row for row in leaderboard_rows(metrics, evaluated) if row["policy"] == policy]
        params = Params(profile="test")
        params.model.source = source
        card = model_card(folder, rows, evaluated, params, "my-searcher", sets)
        card.save(folder / "saved.md")
        return ModelCard.load(folder / "saved.md")

    return make


def test_the_model_index_reads_back_as_it_was_measured(made):
    card = made()
    assert card.data.model_name == "my-searcher"
    results = card.data.eval_results
    assert {(result.dataset_type, result.metric_type): result.metric_value for result in results} == {
        ("hub/musique", "exact_match"): 0.525,
        ("hub/musique", "f1"): 0.625,
        ("hub/musique", "cover_em"): 0.575,
        ("given-file", "exact_match"): 0.525,
        ("given-file", "f1"): 0.625,
        ("given-file", "cover_em"): 0.575,
    }
    f1 = next(result for result in results if result.metric_type == "f1")
    assert (f1.task_type, f1.dataset_name) == ("question-answering", "MuSiQue (hub/musique)")
    assert (f1.dataset_config, f1.dataset_split, f1.dataset_revision) == ("full", "validation", "c8f4")
    assert f1.metric_args == {"low": 0.575, "high": 0.675, "confidence": 0.95, "n": 4}
    assert f1.dataset_args is not None
    assert (f1.dataset_args["questions"], f1.dataset_args["of_questions"]) == (4, 56)
    name, again = model_index_to_eval_results(card.data.to_dict()["model-index"])
    assert (name, len(again)) == ("my-searcher", 6)


def test_the_page_says_how_it_was_asked_on_what_and_what_to_beware_of(made):
    text = made().text
    for said in (
        "A qwen3 model that answers multi-hop questions",
        "Trained with StepSearch: supervised warm start, then",
        "protocol `agent`, prompt style `minimal`,\nat most 4 searches a question, 2 passages a search,",
        "retrieval `bm25`",
        "**Benchmarks in the corpus: 56 of 1,234 passages <are>.**",
        "**Contamination: 1 of 4 questions.**",
        "| MuSiQue | validation | 4 | 0.625 (0.575 to 0.675) | 0.525 (0.475 to 0.575) |",
        "| MuSiQue | hub/musique, full | validation | c8f4 | 4 of 2,417 | 1 | 0 |",
        f"`{'d' * 64}`",
    ):
        assert said in text
    assert "warm start, then" not in made("warmstart").text


def asked_as(**asked):
    evaluated = make_evaluated()
    evaluated["provenance"]["policies"]["trained"] |= asked
    return evaluated


@pytest.mark.parametrize("asked", [{"protocol": "direct"}, {"max_searches": 0}])
def test_a_policy_that_was_asked_without_searches_is_not_said_to_search(made, asked):
    text = made(evaluated=asked_as(**asked)).text
    assert "was asked multi-hop questions without any search" in text
    for said in ("by searching", "searches a question", "a search,", "the\nsearching"):
        assert said in made().text
        assert said not in text


def test_the_protocol_and_the_changes_are_said_and_how_to_ask_so(made):
    text = made(evaluated=asked_as(protocol="ircot", changes=["a.b=ircot", "a.c=x y"])).text
    assert "with searches, as the protocol `ircot` says." in text
    assert "Changes of the run's parameters for it: `a.b=ircot`, `a.c=x y`.\n" in text
    assert "stepsearch ask --policy FOLDER --change a.b=ircot --change 'a.c=x y' \"QUESTION\"\n" in text
    assert "Changes" not in made().text


@pytest.mark.parametrize(
    ("source", "base"), [("Qwen/Qwen2.5-3B", "Qwen/Qwen2.5-3B"), (None, None), ("./not here", None)]
)
def test_the_base_model_is_a_name_of_the_hub(made, source, base):
    assert made(source=source).data.base_model == base


def test_what_it_was_trained_on_is_named_if_the_hub_has_it(made):
    files = {"musique_train": {"dataset": {"name": "hub/musique"}}, "qa_train": {"rows": 1}, "musique": {}}
    assert training_sets({"files": files}) == ["hub/musique"]
    assert made(sets=["hub/musique"]).data.datasets == ["hub/musique"]
    assert made().data.datasets is None


def test_of_a_policy_of_others_nothing_is_said_of_training(made, theirs):
    card = made("released", evaluated=theirs, sets=["hub/musique"])
    assert "Contamination" not in card.text
    assert "Trained with" not in card.text
    assert "| MuSiQue | hub/musique, full | validation | c8f4 | 4 of 2,417 | – | – |" in card.text
    assert card.data.datasets is None
    assert not any("in_training" in result.dataset_args for result in card.data.eval_results)


def test_a_card_that_is_there_is_kept_and_added_to(made, folder):
    (folder / "README.md").write_text("---\nlicense: mit\ntags: [theirs]\n---\n\n# Theirs\n\nTheir words.\n")
    evaluated = make_evaluated()
    other = evaluated["provenance"]["policies"]["trained"] | {"source": "hub/theirs", "revision": "main"}
    evaluated["provenance"]["policies"]["trained"] = other
    card = made(evaluated=evaluated)
    assert (card.data.license, card.data.tags) == ("mit", ["theirs"])
    assert len(card.data.eval_results) == 6
    assert card.text.index("Their words.") < card.text.index("Results of the policy")


EARLIER = """---
model-index:
- name: theirs
  results:
  - task: {type: question-answering}
    dataset: {name: M, type: hub/musique, config: full, split: validation, revision: c8f4, args: {k: 3}}
    metrics: [{type: f1, value: 0.7, name: Theirs}]
    source: {name: Board, url: "https://example.org"}
---

# Theirs
"""


def test_results_of_a_card_that_is_there_are_kept_and_ours_added_once(made, folder):
    (folder / "README.md").write_text(EARLIER)

    def index():
        made()
        (folder / "saved.md").rename(folder / "README.md")
        (model,) = (metadata_load(folder / "README.md") or {})["model-index"]
        assert model["name"] == "my-searcher"
        return model["results"]

    first, *ours = index()
    (metric,) = first["metrics"]
    assert (metric["value"], first["dataset"]["args"], first["source"]["name"]) == (
        0.7,
        {"k": 3},
        "Board",
    )
    assert [len(result["metrics"]) for result in ours] == [3, 3]
    assert ours[0]["dataset"]["args"]["of_questions"] == 56
    assert "source" not in ours[0]
    assert index() == [first, *ours]  # what we added before stands there once


def test_the_hash_is_said_to_be_of_what_was_evaluated(made, folder):
    hashed = f"`{'d' * 64}`"
    assert f"evaluated, without this card:\n{hashed}" in made().text
    (folder / "README.md").write_text("# Theirs\n")
    assert f"evaluated, with the card that they had:\n{hashed}" in made().text


def test_a_folder_without_a_configuration_is_refused(made, folder):
    (folder / "config.json").unlink()
    with pytest.raises(DataError, match=r"config\.json: no such file"):
        made()
