from unittest.mock import Mock

import pytest

from stepsearch_core.params import ParamsError
from stepsearch_core.params.loading import read_values
from stepsearch_core.profiles import chain
from stepsearch_core.studies.runs import main_runs, tuning_runs, tuning_study
from stepsearch_core.studies.study import STUDIES, read_study, study_names
from tests.import_graph import ROOT
from tests.stepsearch_core.studies.test_study import SMALL, study

CONF = ROOT / "conf"
OTHER = """
baseline: steppo
variants:
  steppo: {}
  weighed: {tuned_as: steppo, changes: [reward.redundancy_weight=1]}
settings:
  easy: {label: 2 hops, changes: ["fetch.world.hop_shares=[1,0,0]"]}
  hard: {label: 4 hops, changes: ["fetch.world.hop_shares=[0,0,1]"]}
replicates:
  - [seed=3]
tuning: {study: small}
"""


def test_runs_come_replicate_by_replicate_with_chosen_points_and_all_overrides(tmp_path):
    runs = main_runs(study(tmp_path), {"ppo": {"train.learning_rate": "0.0002"}}, CONF)
    assert [(run.variant, run.replicate, run.where) for run in runs] == [
        ("steppo", 0, "seed 0, world 7"),
        ("ppo", 0, "seed 0, world 7"),
        ("ppo", 1, "seed 1"),
    ]
    first, second, third = runs
    assert first.params.train.learning_rate == 0.00015  # of the profile, as nothing was chosen
    assert (second.params.train.algorithm, second.params.train.learning_rate) == ("ppo", 0.0002)
    assert (third.params.seed, third.params.fetch.world.seed, third.target) == (1, 7, "evaluate")


def test_runs_of_the_grid_have_each_point_on_each_replicate_and_end_with_training(tmp_path):
    runs = tuning_runs(study(tmp_path), tmp_path, CONF)
    assert [(run.variant, run.params.train.learning_rate) for run in runs] == [
        ("steppo", 0.0001),
        ("ppo", 0.0001),
        ("steppo", 0.0002),
        ("ppo", 0.0002),
    ]
    assert {(run.target, run.params.seed, run.params.train.kl_coefficient) for run in runs} == {
        ("train", 5, 0.01)
    }
    assert runs[0].title == "steppo, learning_rate 0.0001, kl_coefficient 0.01, seed 5"


def test_a_study_may_take_the_grid_of_another_for_the_variants_that_it_has(tmp_path):
    (tmp_path / "small.yaml").write_text(SMALL)
    other = study(tmp_path, OTHER, "other")
    assert tuning_study(other, tmp_path).name == "small"
    assert {run.variant for run in tuning_runs(other, tmp_path, CONF)} == {"steppo"}
    runs = main_runs(other, {"steppo": {"train.learning_rate": "0.0001"}}, CONF)
    assert [(run.setting, run.variant) for run in runs] == [
        ("easy", "steppo"),
        ("easy", "weighed"),
        ("hard", "steppo"),
        ("hard", "weighed"),
    ]
    assert {run.params.train.learning_rate for run in runs} == {0.0001}
    assert [run.params.fetch.world.hop_shares for run in runs[::2]] == [[1, 0, 0], [0, 0, 1]]


def test_a_variant_that_the_grid_does_not_know_has_to_say_what_it_is_tuned_as(tmp_path):
    (tmp_path / "small.yaml").write_text(SMALL)
    other = study(tmp_path, OTHER.replace("tuned_as: steppo, ", ""), "other")
    with pytest.raises(ParamsError, match=r"weighed: set tuned_as: small has no variant 'weighed'"):
        tuning_runs(other, tmp_path, CONF)


def test_unequal_budgets_are_refused(tmp_path):
    text = SMALL.replace("train.algorithm=ppo", "train.algorithm=ppo, train.steps=41")
    with pytest.raises(ParamsError, match=r"variants\.ppo: samples 5248 trajectories, steppo 5120"):
        main_runs(study(tmp_path, text), {}, CONF)


@pytest.mark.parametrize("change", ["evaluate.questions=7", '"evaluate.benchmarks=[musique]"'])
def test_variants_that_answer_other_questions_are_refused(tmp_path, change):
    text = SMALL.replace("train.algorithm=ppo", f"train.algorithm=ppo, {change}")
    with pytest.raises(ParamsError, match=r"variants\.ppo: evaluate\.(questions|benchmarks) is .* steppo's"):
        main_runs(study(tmp_path, text), {}, CONF)


def test_a_replicate_that_is_another_one_again_is_refused(tmp_path):
    text = SMALL.replace("- [seed=1]", "- [fetch.world.seed=7, seed=00]")
    with pytest.raises(ParamsError, match=r"small\.yaml: replicates: 2 is the same run as 1: ppo, world 7"):
        main_runs(study(tmp_path, text), {}, CONF)
    text = SMALL.replace("- [seed=5]", "- [seed=5]\n    - [seed=5]")
    with pytest.raises(ParamsError, match=r"tuning\.replicates: 2 is the same run as 1"):
        tuning_runs(study(tmp_path, text), tmp_path, CONF)


def test_a_setting_may_change_the_budget_of_all_its_variants(tmp_path):
    text = OTHER.replace('"fetch.world.hop_shares=[1,0,0]"', "train.questions_per_step=32")
    runs = main_runs(study(tmp_path, text, "other"), {}, CONF)
    assert [run.trajectories_per_step for run in runs] == [32, 32, 128, 128]


def test_a_profile_is_read_once_for_all_runs_and_an_unknown_one_is_named(tmp_path, monkeypatch):
    read = Mock(side_effect=read_values)
    monkeypatch.setattr(chain, "read_values", read)
    assert len(main_runs(study(tmp_path), {}, CONF)) == 3
    assert [path.stem for (path,), _ in read.call_args_list] == ["tiny", "defaults"]
    with pytest.raises(ParamsError, match=r"small\.yaml: profile: .*no profile 'nowhere'"):
        main_runs(study(tmp_path, SMALL + "profile: nowhere\n"), {}, CONF)


def test_an_override_that_does_not_fit_names_study_and_variant(tmp_path):
    text = SMALL.replace("train.algorithm=ppo", "train.algorithm=dqn")
    with pytest.raises(ParamsError, match=r"small\.yaml: variants\.ppo: .*train\.algorithm"):
        main_runs(study(tmp_path, text), {}, CONF)


@pytest.mark.slow
@pytest.mark.parametrize("name", study_names(ROOT / STUDIES))
def test_every_study_that_comes_with_it_fits(name):
    read = read_study(name, ROOT / STUDIES)
    wanted = sum(read.count(variant) for variant in read.variants) * len(read.settings)
    assert len(main_runs(read, {}, CONF)) == wanted
    assert tuning_runs(read, ROOT / STUDIES, CONF)
