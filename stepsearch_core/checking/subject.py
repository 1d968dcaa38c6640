"""What is looked at: a profile's parameters and what they name on this machine, each read once.

Nothing is downloaded and no weight is loaded. What an earlier stage has made is used where its manifest says
that it was made from these parameters; so after `fetch` the questions of published data sets are known too.
A tokenizer that is still to be trained is stood in for by one trained on a sample of the same texts: lengths
in words are exact, those in byte pairs an estimate from above. Of a generated world the things and their
passages are made; to make its questions takes too long.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import Any

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import read_json
from stepsearch_core.base.types import Passage
from stepsearch_core.benchmarks.examples import Example
from stepsearch_core.benchmarks.readers import read_benchmark
from stepsearch_core.benchmarks.sources import (
    DOCUMENTS,
    QUESTION_FILES,
    STANDARD_NAMES,
    fetched_documents,
    fetched_file,
)
from stepsearch_core.checking.finding import Finding, Severity
from stepsearch_core.checking.places import Places
from stepsearch_core.checking.tokenizers import published_tokenizer, stand_in
from stepsearch_core.data.account import Account
from stepsearch_core.data.documents import Document, read_documents
from stepsearch_core.data.passages import passages_of
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.fetching.documents import named_otherwise
from stepsearch_core.fetching.fetch import given_paths
from stepsearch_core.params import PAPER_BENCHMARKS, TRAINING_FILES, Params
from stepsearch_core.params.stages import LOOKED_AT
from stepsearch_core.planning.plan import Plan, make_plan
from stepsearch_core.policy.structure import local_folder
from stepsearch_core.training.architecture import published_config
from stepsearch_core.worlds.facts import World, build_world

FIRST_ROWS = 300
"""Records of a file that are read as `fetch` reads them."""
SAMPLED_PASSAGES = 400
_NO_LIMIT = 10**9


class Subject:
    """The things that a profile names. `start` is the stage that is about to run, or the first one."""

    def __init__(
        self, params: Params, places: Places, start: str = LOOKED_AT[0], data: Path = Path("data")
    ) -> None:
        self.params = params
        self.places = places
        self.start = start
        self.data = data
        self.refused: list[DataError] = []
        """Why configuration, tokenizer or renderer are None though they should be there."""
        self.accounts: dict[str, Account] = {}
        """Which rows of the files that were read have been dropped."""

    def finding(self, severity: Severity, key: str, problem: str, remedy: str) -> Finding:
        """A finding about the parameter `key`."""
        return Finding(severity, self.places.place_of(key), key, problem, remedy)

    def error(self, key: str, problem: str, remedy: str) -> Finding:
        """A finding about the parameter `key` that ends a stage."""
        return self.finding(Severity.ERROR, key, problem, remedy)

    def warning(self, key: str, problem: str, remedy: str) -> Finding:
        """A finding about the parameter `key` that costs something."""
        return self.finding(Severity.WARNING, key, problem, remedy)

    def note(self, key: str, problem: str, remedy: str = "") -> Finding:
        """A finding about the parameter `key` that is good to know."""
        return self.finding(Severity.NOTE, key, problem, remedy)

    def download(self, key: str, name: str, what: str, size: str = "of unknown size") -> Finding:
        """A finding about something that is only at the hub."""
        if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
            problem = f"{name} is not on this machine, and HF_HUB_OFFLINE forbids to download it"
            return self.error(key, problem, "unset HF_HUB_OFFLINE, or copy it here and name the folder")
        return self.note(
            key, f"{what} {name} will be downloaded ({size}); it cannot be looked at until it is here"
        )

    def refusal(self, error: DataError, remedy: str) -> Finding:
        """What an error of reading is as a finding; the library calls parameters `params`."""
        if error.place == "params" and error.field:
            return self.error(error.field, error.problem, remedy)
        return Finding(Severity.ERROR, error.place, error.field or "", error.problem, remedy)

    def comes(self, stage: str) -> bool:
        """Whether `stage` is still to run, as far as is known."""
        return LOOKED_AT.index(stage) >= LOOKED_AT.index(self.start)

    # ---- the model and its tokenizer
    # -------------------------------------------------------------------------------

    @cached_property
    def model_folder(self) -> Path | None:
        """What the policy starts from: the warm start's, once that stage is done, or `model.source`."""
        warm = self.data / "warmstart" / "policy"
        if not self.comes("warmstart") and warm.is_dir():
            return warm
        return local_folder(self.params.model.source) if self.params.model.source else None

    @cached_property
    def config(self) -> dict[str, Any] | None:
        """The configuration of a model that is here or listed; None if it is still to be made or fetched."""
        source = self.model_folder or self.params.model.source
        if not source:
            return None
        try:
            return published_config(str(source), download=False)
        except DataError as error:
            if self.model_folder:
                self.refused.append(error)
            return None

    @cached_property
    def tokenizer(self) -> Any:
        """The tokenizer, or one that stands in for it; None if it is still to come or unreadable."""
        try:
            if self.model_folder:
                return published_tokenizer(self.model_folder, self.config or {})
        except DataError as error:
            self.refused.append(error)
            return None
        return None if self.params.model.source else stand_in(self.params, self._texts())

    @property
    def is_exact(self) -> bool:
        """Whether lengths in tokens are those of the run."""
        return self.model_folder is not None or self.params.tokenizer.kind == "word"

    @cached_property
    def renderer(self) -> Renderer | None:
        """What encodes prompts and observations, whatever their length; None without a fitting tokenizer."""
        if self.tokenizer is None:
            return None
        params = self.params.environment
        without_limits = replace(params, max_trajectory_tokens=_NO_LIMIT, max_observation_tokens=_NO_LIMIT)
        try:
            return Renderer(self.tokenizer, without_limits)
        except DataError as error:
            self.refused.append(error)
            return None

    def _texts(self) -> Iterator[str]:
        """What a tokenizer will be trained on, as far as it is known: all of a world, a sample of files."""
        examples = chain.from_iterable(self.examples(key)[0] for key in self.files if key in QUESTION_FILES)
        yield from (example.question.question for example in examples)
        yield from chain.from_iterable(self.answers)
        yield from (passage.contents for passage in (self.world.passages if self.world else self.passages))

    # ---- the data
    # --------------------------------------------------------------------------------------------------

    @cached_property
    def files(self) -> dict[str, Path]:
        """The benchmark and corpus files that can be read now, by their key in `fetch.files`."""
        if self.params.fetch.source == "files" and self.comes("fetch"):
            return {
                key: path
                for key, path in given_paths(self.params.fetch).items()
                if path.is_file() and key in STANDARD_NAMES
            }
        if not self.fetched:
            return {}
        found = {key: fetched_file(self.data / "fetch", key) for key in STANDARD_NAMES}
        return {key: path for key, path in found.items() if path}

    @cached_property
    def documents(self) -> Path | None:
        """The file or folder of documents that can be read now."""
        fetch = self.params.fetch
        if fetch.source != "files" or not self.comes("fetch"):
            return fetched_documents(self.data / "fetch") if self.fetched else None
        path = given_paths(fetch).get(DOCUMENTS)
        return path if path and path.exists() else None

    def read_documents(self, account: Account | None = None) -> Iterator[Document]:
        """The documents that can be read now, as `fetch` reads them; none without any.

        Raises:
            DataError: damage beyond what the account allows.
        """
        if self.documents is None:
            return iter(())
        return read_documents(self.documents, account, named_otherwise(given_paths(self.params.fetch)))

    @cached_property
    def fetched(self) -> dict[str, Any] | None:
        """The manifest of `data/fetch`, if that holds what these parameters fetch."""
        try:
            manifest = read_json(self.data / "fetch" / "manifest.json")
            same = _same_fetch(self.params, manifest)
        except (DataError, KeyError, TypeError, AttributeError):
            return None
        return manifest if same else None

    def examples(self, key: str) -> tuple[list[Example], DataError | None]:
        """The first examples of a question file, and what is wrong with it if that shows there."""
        if key not in self._examples:
            read: list[Example] = []
            problem = None
            name, split = QUESTION_FILES[key]
            account = self.accounts[key] = Account(self.files[key], self.params.fetch.max_dropped_rows)
            try:
                read += islice(read_benchmark(name, self.files[key], split, account=account), FIRST_ROWS)
            except DataError as error:
                problem = error
            self._examples[key] = read, problem
        return self._examples[key]

    @cached_property
    def _examples(self) -> dict[str, tuple[list[Example], DataError | None]]:
        return {}

    @cached_property
    def passages(self) -> list[Passage]:
        """A sample of the corpus that these files make, evenly spaced; of documents the first passages."""
        from stepsearch_core.checking.sampling import sample_corpus_file

        sampled: list[Passage] = []
        if "corpus" in self.files:
            sampled += sample_corpus_file(self.files["corpus"], SAMPLED_PASSAGES)
        if self.documents:
            cut = (passages_of(document, self.params.corpus) for document in self.read_documents())
            with suppress(DataError):  # said where the documents are looked at
                sampled += islice(chain.from_iterable(cut), SAMPLED_PASSAGES)
        if sampled:
            return sampled
        contexts = [
            example.context
            for key in self.files
            if key in QUESTION_FILES
            for example in self.examples(key)[0]
        ]
        passages = list(dict.fromkeys(chain.from_iterable(contexts)))
        return passages[:: -(-len(passages) // SAMPLED_PASSAGES) or 1]

    def training_examples(self) -> Iterator[Example]:
        """The first examples that training will see."""
        for key in TRAINING_FILES:
            yield from self.examples(key)[0] if key in self.files else ()

    @cached_property
    def world(self) -> World | None:
        """The generated world, without its questions, where `fetch` is still to write it.

        Raises:
            ValueError: there can be no such world.
        """
        if self.params.fetch.source != "world" or not self.comes("fetch") or self.fetched:
            return None
        return build_world(self.params.fetch.world)

    @cached_property
    def answers(self) -> list[Sequence[str]]:
        """The accepted answers of the first training questions; of a world, the names that answers are."""
        if self.world:
            return [entity.surface_forms for entity in chain.from_iterable(self.world.entities.values())]
        return [example.question.answers for example in self.training_examples()]

    # ---- the plan
    # --------------------------------------------------------------------------------------------------

    @cached_property
    def plan(self) -> Plan | None:
        """What the profile needs of the hardware; None without model or index (said elsewhere)."""
        try:
            return None if self.params.model.source and self.config is None else make_plan(self.params)
        except (DataError, AttributeError):  # transformers', of a model with other parts
            return None


def _same_fetch(params: Params, manifest: dict[str, Any]) -> bool:
    """Whether a manifest is of a fetch with these parameters, as far as it tells."""
    fetch, files = params.fetch, manifest["files"]
    if (manifest["source"], manifest["training_share"]) != (fetch.source, fetch.training_share):
        return False
    if fetch.source == "datasets":
        return {key: entry["dataset"] for key, entry in files.items() if "dataset" in entry} == {
            key: asdict(dataset) for key, dataset in fetch.sources.items()
        }
    moved = files.get("musique_train", {}).get("rows from musique", 0)
    if fetch.source == "files":
        return files.keys() == fetch.files.keys() | ({"musique_train"} if moved else set())
    wanted = dict.fromkeys(PAPER_BENCHMARKS, fetch.world.test_questions)
    wanted |= {"musique": fetch.world.test_questions - moved}
    wanted |= {"musique_train": fetch.world.train_questions + moved}
    return all(files[name]["rows"] == count for name, count in wanted.items())
