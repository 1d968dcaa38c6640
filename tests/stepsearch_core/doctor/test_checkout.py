"""The active profile as the doctor looks at it; what DVC's files say is `tests/tasks/test_look.py`'s."""

import pytest

from stepsearch_core.doctor import checkout


def said(check, here):
    return [str(finding) for finding in check(here)]


def test_without_a_profile(machine):
    (line,) = said(checkout.check_profile, machine())
    assert line.startswith("warning: ")
    assert line.endswith(
        "params.yaml: no profile is active here -> stepsearch profile tiny, or another of conf/"
    )


@pytest.mark.slow
def test_the_active_profile_from_the_stage_that_comes_next(machine, micro_params, tmp_path):
    path = micro_params("fetch.source=files", "fetch.folder=nowhere", "fetch.files={corpus: c.jsonl}")
    assert any("nowhere" in line for line in said(checkout.check_profile, machine(path)))
    (tmp_path / "data" / "fetch").mkdir(parents=True)
    assert not any("nowhere" in line for line in said(checkout.check_profile, machine(path)))


@pytest.mark.slow
def test_parameters_that_are_broken(machine, micro_params):
    path = micro_params()
    path.write_text(path.read_text().replace("steps: 3", "steps: -3"))
    here = machine(path)
    assert here.params is None
    (line,) = said(checkout.check_profile, here)
    assert "train.steps: -3 is not at least 1" in line


def test_packages_that_a_check_needs_are_broken(machine, micro_params, install):
    install("omegaconf", "2.3.0", module="raise ImportError('a file is missing')")
    (line,) = said(checkout.check_profile, machine(micro_params()))
    assert "the profile could not be looked at: a file is missing -> mend what else is wrong" in line


def test_outside_of_a_checkout_there_are_no_outputs_to_look_at(machine):
    assert said(checkout.check_outputs, machine()) == []
