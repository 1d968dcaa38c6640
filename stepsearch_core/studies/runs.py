"""The runs of a study: for every variant, setting and replicate the parameters, held to equal terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepsearch_core.params import Params, ParamsError
from stepsearch_core.profiles import PROFILES
from stepsearch_core.profiles.chain import Layer, profile_layers, profile_path, with_overrides
from stepsearch_core.studies.study import STUDIES, Study, read_study

Points = Mapping[str, Mapping[str, str]]
"""The chosen point of the grid of each variant that has one: values by parameter."""
SHORT = {"fetch.world.seed": "world"}
"""Parameters that are called otherwise where a replicate is named."""


@dataclass(frozen=True, slots=True, eq=False)  # runs are told apart by their places
class Run:
    """One run, by its place in the study; `overrides` are all that differ from the profile.

    A run of the grid has its `point`, and stops after training.
    """

    study: str
    variant: str
    setting: str
    replicate: int
    replicate_changes: Sequence[str]
    overrides: tuple[str, ...]
    params: Params
    point: Mapping[str, str] | None = None

    @property
    def target(self) -> str:
        """The last stage that it needs."""
        return "evaluate" if self.point is None else "train"

    @property
    def where(self) -> str:
        """Its replicate as people read it: "seed 0, world 7"."""
        return ", ".join(map(_named, self.replicate_changes))

    @property
    def title(self) -> str:
        """What it is called where people read."""
        point = ", ".join(f"{key.rpartition('.')[2]} {value}" for key, value in (self.point or {}).items())
        return ", ".join(filter(None, (self.variant, self.setting, point, self.where)))

    @property
    def trajectories_per_step(self) -> int:
        """How many it samples."""
        return self.params.train.questions_per_step * self.params.train.samples_per_question


def tuning_study(study: Study, folder: Path = STUDIES) -> Study | None:
    """The study whose grid is searched for this one: another, itself, or none.

    Raises:
        ParamsError: the other has no grid, or not the variants that this one's are tuned as.
    """
    other = study
    if study.tuning.study:
        other = read_study(study.tuning.study, folder)
        if other.tuning.study:
            raise ParamsError(f"{folder / other.name}.yaml: tuning.study: leads on; name where the grid is")
        if other.profile != study.profile:
            raise ParamsError(f"{_file(study)}: tuning.study: is of the profile {other.profile}")
    if not other.tuning.grid:
        return None
    for name in study.variants:
        if (tuned_as := study.tuned_as(name)) not in other.variants:
            raise ParamsError(
                f"{_file(study)}: variants.{name}: set tuned_as: {other.name} has no variant {tuned_as!r}"
            )
    return other


def tuning_runs(study: Study, folder: Path = STUDIES, profiles: Path = PROFILES) -> list[Run]:
    """The runs of the grid, of the variants that this study's are tuned as.

    Raises:
        ParamsError: an override does not fit, or terms are not equal.
    """
    other = tuning_study(study, folder)
    if other is None:
        return []
    wanted = {study.tuned_as(name) for name in study.variants}
    profile = _profile(other, profiles)
    runs = []
    for number, replicate in enumerate(other.tuning.replicates):
        for point in other.tuning.points:
            for name in (name for name in other.variants if name in wanted):
                own = other.variants[name].changes
                grid = [f"{key}={value}" for key, value in point.items()]
                changes = (*other.changes, *other.tuning.changes, *own, *grid, *replicate)
                place = {"variant": name, "setting": "", "replicate": number, "replicate_changes": replicate}
                runs.append(_run(other, changes, profile, point=point, **place))
    _check_terms(other, runs)
    return runs


def main_runs(study: Study, chosen: Points, profiles: Path = PROFILES) -> list[Run]:
    """The runs that are compared, replicate by replicate.

    Args:
        study: whose runs they are.
        chosen: of each variant that something is tuned as, the point of the grid.
        profiles: the folder of profiles.

    Raises:
        ParamsError: an override does not fit, or terms are not equal.
    """
    profile = _profile(study, profiles)
    runs = []
    for number, replicate in enumerate(study.replicates):
        for setting, condition in study.settings.items():
            for name, variant in study.variants.items():
                if number >= study.count(name):
                    continue
                point = chosen.get(study.tuned_as(name), {})
                grid = [f"{key}={value}" for key, value in point.items()]
                changes = (*study.changes, *grid, *variant.changes, *condition.changes, *replicate)
                place = {"variant": name, "setting": setting, "replicate": number}
                runs.append(_run(study, changes, profile, replicate_changes=replicate, **place))
    _check_terms(study, runs)
    return runs


def _profile(study: Study, profiles: Path) -> list[Layer]:
    """Read once for all runs, as that takes as long as making a run's parameters of it."""
    try:
        return profile_layers(profile_path(study.profile, profiles))
    except ParamsError as error:
        raise ParamsError(f"{_file(study)}: profile: {error}") from None


def _run(study: Study, changes: Sequence[str], profile: Sequence[Layer], **place: Any) -> Run:
    try:
        params = with_overrides(profile, changes)
    except ParamsError as error:
        raise ParamsError(f"{_file(study)}: variants.{place['variant']}: {error}") from None
    return Run(study=study.name, overrides=tuple(changes), params=params, **place)


def _named(change: str) -> str:
    """`seed=0` as "seed 0"."""
    key, _, value = change.partition("=")
    return f"{SHORT.get(key, key)} {value}"


def _file(study: Study) -> Path:
    return STUDIES / f"{study.name}.yaml"


def _check_terms(study: Study, runs: Sequence[Run]) -> None:
    """Equal budgets and questions within a setting, and replicates that differ."""
    budgets: dict[str, tuple[int, str]] = {}
    for run in runs:
        budget = run.trajectories_per_step * run.params.train.steps
        first, of = budgets.setdefault(run.setting, (budget, run.variant))
        if budget != first:
            raise ParamsError(
                f"{_file(study)}: variants.{run.variant}: samples {budget} trajectories, {of} {first}:"
                " terms have to be equal (train.steps, questions_per_step, samples_per_question)"
            )
    _check_questions(study, runs)
    _check_replicates(study, runs)


def _check_questions(study: Study, runs: Sequence[Run]) -> None:
    """The same test questions within a setting, or no answer would be paired, nor a mean be of the same."""
    asked: dict[str, Run] = {}
    for run in runs:
        other = asked.setdefault(run.setting, run)
        for key in ("benchmarks", "questions"):
            own, first = (getattr(of.params.evaluate, key) for of in (run, other))
            if own != first:
                raise ParamsError(
                    f"{_file(study)}: variants.{run.variant}: evaluate.{key} is {own}, {other.variant}'s"
                    f" {first}: all have to answer the same questions"
                )


def _check_replicates(study: Study, runs: Sequence[Run]) -> None:
    """Replicates that differ: one made twice counts as two, and narrows every interval."""
    groups: dict[tuple[str, str, str], list[Run]] = {}
    for run in runs:
        group = groups.setdefault((run.variant, run.setting, repr(run.point)), [])
        for other in group:
            if other.params == run.params:
                place = "replicates" if run.point is None else "tuning.replicates"
                raise ParamsError(
                    f"{_file(study)}: {place}: {run.replicate + 1}"
                    f" is the same run as {other.replicate + 1}: {run.title}"
                )
        group.append(run)
