import pytest

from stepsearch_core.params import ParamsError
from stepsearch_core.studies.study import STUDIES, Setting, read_study, study_names
from tests.import_graph import ROOT

SMALL = """
title: Two of them
baseline: ppo
variants:
  steppo: {label: StePPO, replicates: 1}
  ppo: {changes: [train.algorithm=ppo]}
replicates:
  - [seed=0, fetch.world.seed=7]
  - [seed=1]
tuning:
  grid: {train.learning_rate: [0.0001, 0.0002], train.kl_coefficient: [0.01]}
  replicates:
    - [seed=5]
"""


def study(folder, text=SMALL, name="small"):
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return read_study(name, folder)


def test_a_file_is_read_with_labels_and_one_setting_without_a_name(tmp_path):
    read = study(tmp_path)
    assert (read.name, read.profile, read.title) == ("small", "tiny", "Two of them")
    assert {name: variant.label for name, variant in read.variants.items()} == {
        "steppo": "StePPO",
        "ppo": "ppo",
    }
    assert read.settings == {"": Setting()}
    assert [read.count(name) for name in read.variants] == [1, 2]


def test_points_are_all_combinations_as_they_are_written(tmp_path):
    assert study(tmp_path).tuning.points == [
        {"train.learning_rate": "0.0001", "train.kl_coefficient": "0.01"},
        {"train.learning_rate": "0.0002", "train.kl_coefficient": "0.01"},
    ]


def test_an_unknown_study_is_told_with_those_that_there_are(tmp_path):
    study(tmp_path)
    with pytest.raises(ParamsError, match="no study 'large'; there are: small"):
        read_study("large", tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("baseline: ppo", "baseline: grpo"), "baseline: 'grpo' is none of steppo, ppo"),
        (("replicates: 1", "replicates: 3"), r"variants\.steppo\.replicates: 3 is not from 1 to 2"),
        (("replicates: 1", "replicates: 0"), r"variants\.steppo\.replicates: 0 is not from 1"),
        (("[train.algorithm=ppo]", "[ppo]"), r"variants\.ppo\.changes: 'ppo': expected key=value"),
        (("- [seed=1]", "- [seed]"), r"replicates\[1\]: 'seed': expected key=value"),
        (("label: StePPO", "lable: StePPO"), "lable"),
        (("[0.0001, 0.0002]", "[]"), r"tuning\.grid\.train\.learning_rate: there are no values"),
        (("label: StePPO", "tuned_as: x"), r"variants\.steppo\.tuned_as: no variant 'x'"),
        (("    - [seed=5]\n", ""), "tuning"),
        (("  grid:", "  study: methods\n  grid:"), r"tuning\.study: the grid is another study's"),
        (("label: StePPO", "published: PPPO"), r"variants\.steppo\.published: the paper's tables have "),
        (("=ppo]", "=ppo, train.kl_coefficient=0]"), r"variants\.ppo\.changes: train\.kl_coefficient is of"),
        (("title: Two of them", "confidence: 1.0"), "confidence"),
        (("title: Two of them", "bootstrap_samples: 0"), "bootstrap_samples"),
        (("title: Two of them", "title: [a"), "not YAML"),
    ],
)
def test_what_does_not_fit_is_named_with_file_and_key(tmp_path, change, message):
    text = SMALL.replace(*change)
    assert text != SMALL
    with pytest.raises(ParamsError, match=message) as told:
        study(tmp_path, text)
    assert "small.yaml" in str(told.value)


def test_a_study_is_not_called_as_a_folder_of_results(tmp_path):
    with pytest.raises(ParamsError, match=r"runs\.yaml: called otherwise"):
        study(tmp_path, SMALL, "runs")


@pytest.mark.parametrize("lost", ["variants", "replicates"])
def test_a_study_has_variants_and_replicates(tmp_path, lost):
    with pytest.raises(ParamsError, match=f"{lost}: there are none"):
        study(
            tmp_path,
            f"baseline: a\n{'variants: {a: {}}' if lost == 'replicates' else 'replicates: [[seed=0]]'}",
        )


def test_the_studies_that_come_with_it_are_whole():
    folder = ROOT / STUDIES
    assert study_names(folder) == ["ablation", "hops", "methods", "sensitivity", "sparsity"]
    methods = read_study("methods", folder)
    assert {name: methods.count(name) for name in methods.variants} == {
        **dict.fromkeys(("steppo", "ppo", "grpo"), 5),
        **dict.fromkeys(("rloo", "reinforce_pp", "steppo_plain", "ppo_plain"), 3),
    }
    worlds = {change for replicate in methods.replicates for change in replicate if "world" in change}
    tuned_on = {change for replicate in methods.tuning.replicates for change in replicate}
    assert len(worlds) >= 2
    assert not worlds & tuned_on  # what is chosen on has no part in what is compared
    for name in ("ablation", "hops"):
        assert len(read_study(name, folder).replicates) >= 3
