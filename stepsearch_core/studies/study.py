"""A study: a file `conf/studies/NAME.yaml` with variants of a profile, and the seeds that each is run on.

A run is a variant in a setting on a replicate. Replicates are seeds, of the training and of a world; every
variant has the first so many of them, so that differences are paired. Equal terms are held, not hoped for:
within a setting all variants of a replicate start from the same warm start and sample as many trajectories,
and each has the best point of the same grid, found by validation questions on replicates apart (`tuning`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from stepsearch_core.params import ParamsError
from stepsearch_core.params.loading import naming, read_values
from stepsearch_core.params.values import for_omegaconf
from stepsearch_core.profiles import PROFILES
from stepsearch_core.report.published import TABLES

STUDIES = PROFILES / "studies"
PAGES = Path("studies")
"""Where a study's page lies, in a folder of its name."""
RUNS, LOGS = RESERVED = ("runs", "logs")
"""Folders beside those of the pages: of all studies' results, and of what their runs said."""


@dataclass
class Variant:
    """What is compared: overrides of the profile. `published` names its row in the paper's tables.

    `tuned_as` is the variant whose point of the grid it takes, of this study or of `tuning.study`; without
    one it is its own. `replicates` are how many of the study's it is run on, all by default.
    """

    label: str = ""
    changes: list[str] = field(default_factory=list)
    replicates: int | None = None
    tuned_as: str | None = None
    published: str | None = None


@dataclass
class Setting:
    """A condition that every variant is run under: overrides, laid over a variant's own."""

    label: str = ""
    changes: list[str] = field(default_factory=list)


@dataclass
class Tuning:
    """A grid for every variant: values by parameter, on these replicates, with these overrides.

    `study` is another one, whose grid is taken in place of an own.
    """

    study: str | None = None
    grid: dict[str, list[str]] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)
    replicates: list[list[str]] = field(default_factory=list)

    @property
    def points(self) -> list[dict[str, str]]:
        """All combinations of the grid's values."""
        return [dict(zip(self.grid, values, strict=True)) for values in product(*self.grid.values())]


@dataclass
class Study:
    """What a file says; `name` is the file's. The first variant is what the study is about."""

    name: str = ""
    title: str = ""
    profile: str = "tiny"
    changes: list[str] = field(default_factory=list)
    baseline: str = ""
    variants: dict[str, Variant] = field(default_factory=dict)
    settings: dict[str, Setting] = field(default_factory=dict)
    replicates: list[list[str]] = field(default_factory=list)
    tuning: Tuning = field(default_factory=Tuning)
    confidence: float = 0.95
    bootstrap_samples: int = 2000

    def count(self, variant: str) -> int:
        """How many of the replicates a variant is run on."""
        return self.variants[variant].replicates or len(self.replicates)

    def tuned_as(self, variant: str) -> str:
        """The variant whose point of the grid it takes."""
        return self.variants[variant].tuned_as or variant


def study_names(folder: Path = STUDIES) -> list[str]:
    """The names of all studies, sorted."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def read_study(name: str, folder: Path = STUDIES) -> Study:
    """The study of a file.

    Raises:
        ParamsError: no such study, or the file does not fit; the message names file and key.
    """
    names = study_names(folder)
    if name not in names:
        raise ParamsError(f"{folder}: no study {name!r}; there are: {', '.join(names) or 'none'}")
    path = folder / f"{name}.yaml"
    if name in RESERVED:
        raise ParamsError(f"{path}: called otherwise, please: the results of all studies' runs lie there")
    values = read_values(path)
    with naming(path):
        study = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Study), for_omegaconf(values)))
        assert isinstance(study, Study)
        study.name = name
        _check(study)
    for key, variant in study.variants.items():
        variant.label = variant.label or key
    for key, setting in study.settings.items():
        setting.label = setting.label or key
    study.settings = study.settings or {"": Setting()}
    return study


def _check(study: Study) -> None:
    """Raise ValueError at what fits the schema and makes no study."""
    if not study.variants:
        raise ValueError("variants: there are none")
    if study.baseline not in study.variants:
        raise ValueError(f"baseline: {study.baseline!r} is none of {', '.join(study.variants)}")
    if not study.replicates:
        raise ValueError("replicates: there are none; one is a list of overrides, [seed=0] say")
    if not 0.5 <= study.confidence < 1:
        raise ValueError(f"confidence: {study.confidence} is not from .5 to below 1")
    if study.bootstrap_samples < 1:
        raise ValueError("bootstrap_samples: at least 1")
    named = {method for table in TABLES for _, method, _ in table.rows}
    for name, variant in study.variants.items():
        if variant.published is not None and variant.published not in named:
            raise ValueError(
                f"variants.{name}.published: the paper's tables have {', '.join(sorted(named))}"
            )
        most = len(study.replicates)
        if variant.replicates is not None and not 1 <= variant.replicates <= most:
            raise ValueError(f"variants.{name}.replicates: {variant.replicates} is not from 1 to {most}")
    tuning = study.tuning
    if tuning.study and (tuning.grid or tuning.replicates or tuning.changes):
        raise ValueError("tuning.study: the grid is another study's, so this one has no grid of its own")
    for key, values in tuning.grid.items():
        if not values:
            raise ValueError(f"tuning.grid.{key}: there are no values")
    if bool(tuning.grid) != bool(tuning.replicates) or (tuning.changes and not tuning.grid):
        raise ValueError("tuning: a grid needs replicates, and they and changes need a grid")
    if not tuning.study:
        for name, variant in study.variants.items():
            if variant.tuned_as is not None and variant.tuned_as not in study.variants:
                raise ValueError(f"variants.{name}.tuned_as: no variant {variant.tuned_as!r} here")
            for key in (change.partition("=")[0] for change in variant.changes):
                if key in tuning.grid and study.tuned_as(name) == name:
                    raise ValueError(f"variants.{name}.changes: {key} is of the grid, which chooses it")
    _check_overrides(study)


def _check_overrides(study: Study) -> None:
    places: dict[str, Any] = {"changes": study.changes, "tuning.changes": study.tuning.changes}
    places |= {f"variants.{name}.changes": variant.changes for name, variant in study.variants.items()}
    places |= {f"settings.{name}.changes": setting.changes for name, setting in study.settings.items()}
    for key, replicates in (
        ("replicates", study.replicates),
        ("tuning.replicates", study.tuning.replicates),
    ):
        places |= {f"{key}[{number}]": changes for number, changes in enumerate(replicates)}
    for place, changes in places.items():
        for change in changes:
            if "=" not in change:
                raise ValueError(f"{place}: {change!r}: expected key=value")
