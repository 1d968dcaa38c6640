"""Whether what is installed fits: the project's own bounds, FAISS, torch and what is built for it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from stepsearch_core.checking.finding import Finding, Severity
from stepsearch_core.doctor.here import PROJECT, Here, pip, plain

PYPROJECT = Path("pyproject.toml")


def check_pins(here: Here) -> Iterator[Finding]:
    """All that the project needs is installed, in versions that it takes; of extras what is installed."""
    if PROJECT not in here.installed:
        remedy = pip("install", "--editable", "'.[cpu]'")
        yield Finding(Severity.WARNING, PROJECT, "", "not installed: it runs from the folder alone", remedy)
        return
    for extra, requirements in here.extras.items():
        if extra and not _chosen(extra, here):
            continue
        for requirement in requirements:
            version = here.installed.get(canonicalize_name(requirement.name))
            severity = Severity.WARNING if extra else Severity.ERROR
            remedy = pip("install", f"'{plain(requirement)}'")
            if version is None and not extra:
                yield Finding(severity, requirement.name, "", "not installed", remedy)
            elif version is not None and not _fits(requirement, version):
                whose = f"the extra {extra}" if extra else "the project"
                problem = f"{version} is installed, {whose} takes {plain(requirement)}"
                yield Finding(severity, requirement.name, "", problem, remedy)


def check_installation(here: Here) -> Iterator[Finding]:
    """A checkout that has been brought up to date is installed again where its requirements have changed."""
    if PROJECT not in here.installed or not PYPROJECT.is_file():
        return
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8")).get("project", {})
    if project.get("name") != PROJECT:
        return
    wanted = {Requirement(text) for text in project["dependencies"]}
    if changed := wanted ^ set(here.extras[""]):
        named = ", ".join(sorted({requirement.name for requirement in changed}))
        problem = f"{PROJECT} was installed before its requirements changed ({named})"
        remedy = pip("install", "--editable", "'.[cpu]'" if not here.gpus else "'.[gpu]'")
        yield Finding(Severity.WARNING, str(PYPROJECT), "", problem, remedy)


def check_conflicts(here: Here) -> Iterator[Finding]:
    """What the project's own dependencies ask of others fits what is installed."""
    names = [
        requirement.name
        for extra, requirements in here.extras.items()
        if not extra or _chosen(extra, here)
        for requirement in requirements
    ]
    for name in dict.fromkeys(names):
        try:
            wanted = [Requirement(text) for text in requires(name) or ()]
        except PackageNotFoundError:
            continue  # said of the pins
        for requirement in wanted:
            if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
                continue
            version = here.installed.get(canonicalize_name(requirement.name))
            if version is not None and not _fits(requirement, version):
                problem = f"takes {plain(requirement)}, and {requirement.name} {version} is installed"
                remedy = pip("install", f"'{plain(requirement)}'")
                yield Finding(Severity.WARNING, name, "", problem, remedy)


def check_faiss(here: Here) -> Iterator[Finding]:
    """There is one FAISS, and it can be imported."""
    found = sorted(name for name in here.installed if name == "faiss" or name.startswith("faiss-"))
    kept = next((name for name in found if ("gpu" in name) == bool(here.gpus)), found[0] if found else "")
    again = pip("install", "--force-reinstall", "--no-deps", here.requirement(kept or "faiss-cpu"))
    if len(found) > 1:
        problem = f"{' and '.join(found)} are installed, and are one module: which is imported is chance"
        remedy = f"{pip('uninstall', '--yes', *found)} && {again}"
        yield Finding(Severity.ERROR, "faiss", "", problem, remedy)
    elif not found:
        remedy = pip("install", "--editable", "'.[gpu]'" if here.gpus else "'.[cpu]'")
        yield Finding(Severity.ERROR, "faiss", "", "FAISS is not installed", remedy)
    if found and (ending := here.ending("faiss")) and ending.failed:
        yield Finding(Severity.ERROR, "faiss", "", f"cannot be imported: {ending.reason}", again)


def check_torch(here: Here) -> Iterator[Finding]:
    """Torch can be imported, and uses the GPUs that there are."""
    again = pip("install", "--force-reinstall", here.requirement("torch"))
    ending = here.ending("torch")
    if "torch" not in here.installed or ending is None:
        return  # said of the pins
    if ending.failed:
        yield Finding(Severity.ERROR, "torch", "", f"cannot be imported: {ending.reason}", again)
        return
    torch = ending.value
    if here.gpus and not torch["cuda_version"]:
        problem = f"{torch['version']} is built without CUDA, and there are {len(here.gpus)} GPUs"
        remedy = f"{pip('uninstall', '--yes', 'torch')} && {pip('install', here.requirement('torch'))}"
        yield Finding(Severity.ERROR, "torch", "", problem, remedy)
    elif torch["problem"] and here.gpus:
        yield Finding(Severity.ERROR, "torch", "", f"cannot use the GPUs: {torch['problem']}", _driver(here))
    elif torch.get("unsupported"):
        problem = f"{torch['version']} has no kernels for {torch['unsupported']}"
        yield Finding(Severity.ERROR, "torch", "", problem, again)
    for name, reason in torch["beside"].items():
        problem = f"cannot be imported beside torch {torch['version']}, and breaks what finds it: {reason}"
        yield Finding(Severity.ERROR, name, "", problem, pip("uninstall", "--yes", name))


def _driver(here: Here) -> str:
    """What to do where torch and the driver do not fit."""
    cuda = here.told("torch")["cuda_version"]
    if here.driver_cuda and int(here.driver_cuda.split(".")[0]) < int(cuda.split(".")[0]):
        return (
            f"the driver takes CUDA {here.driver_cuda} at most, torch is built for {cuda}:"
            " a newer driver, or a torch for that CUDA (pytorch.org names its index)"
        )
    return "the driver, or what hides the GPUs: look at nvidia-smi and CUDA_VISIBLE_DEVICES"


def _chosen(extra: str, here: Here) -> bool:
    """Whether something is installed that this extra alone brings."""
    always = {canonicalize_name(requirement.name) for requirement in here.extras[""]}
    own = {canonicalize_name(requirement.name) for requirement in here.extras[extra]} - always - {PROJECT}
    return any(name in here.installed for name in own)


def _fits(requirement: Requirement, version: str) -> bool:
    return requirement.specifier.contains(version, prereleases=True)
