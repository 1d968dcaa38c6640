"""The first stage: the profile's benchmark files under standard names, each read whole before its use.

`source: world` generates them, `source: files` copies given ones, `source: datasets` writes what the
`datasets` library loads. In each case the folder gets a manifest with source, sha256, size and number of
rows (and dataset and revision where there are any), and nothing downstream edits the files. Rows that cannot
be read are dropped here, up to `fetch.max_dropped_rows` of a file, and listed in the manifest beside the
oddities of those kept (`account`).
"""

from __future__ import annotations

import shutil
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.hashes import sha256_file
from stepsearch_core.base.io import atomic_folder, write_json
from stepsearch_core.benchmarks.readers import read_benchmark, read_decompositions
from stepsearch_core.benchmarks.sources import DOCUMENTS, FILE_KEYS, QUESTION_FILES, STANDARD_NAMES
from stepsearch_core.data.account import Account
from stepsearch_core.data.corpus import read_corpus_file
from stepsearch_core.data.documents import count_documents, read_documents
from stepsearch_core.fetching.documents import copy_documents, describe_documents, named_otherwise
from stepsearch_core.fetching.hub import write_dataset
from stepsearch_core.fetching.training_share import TEST, TRAIN, move_to_training
from stepsearch_core.fetching.watched import DEAD, UNWATCHED, dead_link, unwatched_link
from stepsearch_core.params import TRAINING_FILES, FetchParams, ParamsError
from stepsearch_core.worlds import write_world


def fetch(params: FetchParams, folder: Path | str) -> dict[str, Any]:
    """Fill `folder` with the profile's files and `manifest.json`, whole or not at all; returns the manifest.

    Raises:
        DataError: an unknown key in `fetch.files` or `fetch.datasets`, a missing file or dataset, or damage
            in one, with line and field.
        ParamsError: a world that cannot be generated.
    """
    with atomic_folder(folder) as temporary:
        paths = _files(params, temporary)
        besides = named_otherwise(paths)
        accounts = {key: Account(path, params.max_dropped_rows) for key, path in paths.items()}
        with tqdm(
            paths, desc="reading", unit="file"
        ) as keys:  # closed at once: an error is the last line said
            files = {key: _describe(key, accounts[key], besides) for key in keys}
        for key, path in paths.items():
            if key == DOCUMENTS:
                copy_documents(path, temporary / DOCUMENTS, besides)
            elif path.parent != temporary:
                shutil.copyfile(path, temporary / _target_name(key, path))
        if params.training_share:
            moved = move_to_training(temporary, params.training_share)
            files |= _described_anew(temporary, files, moved)
        if params.source == "datasets":
            loaded = {key: {"dataset": asdict(source)} for key, source in params.sources.items()}
            files = {key: loaded.get(key, {}) | entry for key, entry in files.items()}
        manifest = {
            "source": params.source,
            "training_share": params.training_share,
            "files": files,
            "oddities": {
                key: dict(sorted((+account.oddities).items()))
                for key, account in accounts.items()
                if +account.oddities
            },
            "dropped": [
                {"file": files[key]["file"], **row}
                for key, account in accounts.items()
                for row in account.rows()
            ],
        }
        write_json(temporary / "manifest.json", manifest)
    return manifest


def given_paths(params: FetchParams) -> dict[str, Path]:
    """Where each file of `fetch.files` lies, or should."""
    return {key: Path(params.folder) / name for key, name in params.files.items()}


def remarks(manifest: dict[str, Any]) -> list[str]:
    """What people should know of the files before the work: rows dropped, oddities, what is missing."""
    said = [
        f"{row['file']}, {row['place']} dropped:"
        f" {row['field'] + ': ' if row['field'] else ''}{row['reason']}"
        for row in manifest["dropped"]
    ]
    if moved := manifest["files"].get(TRAIN, {}).get("rows from musique"):
        said.append(
            f"{moved} questions of musique are training questions (fetch.training_share): figures on the"
            " rest are not comparable to published ones"
        )
    said += [
        f"{key}: {count} x {what}"
        for key, found in manifest["oddities"].items()
        for what, count in found.items()
    ]
    if manifest["files"].keys().isdisjoint(QUESTION_FILES):
        said.append("no file of questions: `dvc repro index` works, but has nothing to measure retrieval by")
    elif manifest["files"].keys().isdisjoint(TRAINING_FILES):
        said.append(
            f"no file of training questions ({', '.join(TRAINING_FILES)}): retrieval can be measured,"
            " but there are none for `synthesize`"
        )
    return said


def _files(params: FetchParams, folder: Path) -> dict[str, Path]:
    """The profile's files by their key: made in `folder`, or where they lie."""
    if params.source == "world":
        return _generated_files(params, folder)
    _check_keys(params)
    if link := dead_link(params.folder):
        raise DataError(f"fetch.folder: {DEAD}; remove it, or put there what it names", link)
    return _given_files(params) if params.source == "files" else _loaded_files(params, folder)


def _check_keys(params: FetchParams) -> None:
    entries = params.files if params.source == "files" else params.datasets
    if not entries:
        raise DataError(f"fetch.{params.source}: empty, and fetch.source is {params.source}", "params")
    known = FILE_KEYS if params.source == "files" else tuple(STANDARD_NAMES)
    for key in entries:
        if key not in known:
            raise DataError(
                f"fetch.{params.source}: unknown key {key!r}; known: {', '.join(known)}", "params"
            )


def _loaded_files(params: FetchParams, folder: Path) -> dict[str, Path]:
    paths = {key: (folder / STANDARD_NAMES[key]).with_suffix(".jsonl") for key in params.datasets}
    for key, path in paths.items():
        write_dataset(key, params.sources[key], params.folder, path)
    return paths


def _generated_files(params: FetchParams, folder: Path) -> dict[str, Path]:
    try:
        return write_world(params.world, folder)
    except ValueError as error:  # too small for its questions, or larger than its names allow
        raise ParamsError(str(error)) from None


def _given_files(params: FetchParams) -> dict[str, Path]:
    """The files of `fetch.files`, all there and where DVC sees them."""
    paths = given_paths(params)
    for key, path in paths.items():
        if not (path.exists() if key == DOCUMENTS else path.is_file()):
            raise DataError(f"fetch.files: {key}: no such file", path)
        if link := unwatched_link(params.folder, params.files[key]):
            raise DataError(f"fetch.files: {key}: {UNWATCHED}; link the file itself", link)
    return paths


def _describe(key: str, account: Account, besides: Collection[Path]) -> dict[str, Any]:
    path, rows = account.path, _count_rows(key, account, besides)
    if key == DOCUMENTS:
        size = describe_documents(path, besides)
    else:
        size = {"sha256": sha256_file(path), "bytes": path.stat().st_size}
    return {"file": path.name, **size, "rows": rows, "dropped": len(account.dropped)}


def _described_anew(folder: Path, files: dict[str, Any], moved: int) -> dict[str, Any]:
    """The entries of MuSiQue's two files after `moved` rows of one went into the other."""
    rows = {TRAIN: files.get(TRAIN, {}).get("rows", 0) + moved, TEST: files[TEST]["rows"] - moved}
    described = {}
    for key, count in rows.items():
        path = folder / STANDARD_NAMES[key]
        size = {"sha256": sha256_file(path), "bytes": path.stat().st_size, "rows": count}
        described[key] = {"file": path.name, "dropped": 0, **files.get(key, {}), **size}
    described[TRAIN]["rows from musique"] = moved
    return described


def _count_rows(key: str, account: Account, besides: Collection[Path]) -> int:
    """Read a file whole through its reader; returns its number of rows, without those dropped."""
    if key == DOCUMENTS:
        count = count_documents(account.path, besides)
        documents = read_documents(account.path, account, besides)
        return sum(1 for _ in tqdm(documents, total=count, desc=DOCUMENTS, unit=" documents"))
    if key == "corpus":
        return sum(1 for _ in read_corpus_file(account.path, account))
    if key == "decompositions":
        return sum(map(len, read_decompositions(account.path, account).values()))
    name, split = QUESTION_FILES[key]
    return sum(1 for _ in read_benchmark(name, account.path, split, account=account))


def _target_name(key: str, path: Path) -> str:
    return Path(STANDARD_NAMES[key]).with_suffix(path.suffix).name
