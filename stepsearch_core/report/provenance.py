"""What the figures are of, in words and as a table: benchmarks, corpus, code, and what to beware of."""

from __future__ import annotations

from typing import Any

from stepsearch_core.params import CONTAMINATION, POLICIES
from stepsearch_core.params.shared import SEARCHING
from stepsearch_core.report.inputs import Provenance
from stepsearch_core.report.results import DASH, name_of
from stepsearch_core.report.tables import Table, cell_text

ASKED = {
    "source": "Source",
    "revision": "Revision",
    "protocol": "Protocol",
    "prompt": "Prompt",
    "retrieval": "Retrieval",
    "passages_per_search": "Passages a search",
    "max_searches": "Searches at most",
    "changes": "Changes",
}
"""What is said of a policy, with the head of its column."""


def of_policy(provenance: Provenance, policy: str) -> Provenance:
    """As it holds for one policy: what others' policies were trained on is not known."""
    if policy in POLICIES:
        return provenance
    unknown = dict.fromkeys(("in_training", "hop_in_training"))
    return provenance | {
        "benchmarks": {name: entry | unknown for name, entry in provenance["benchmarks"].items()},
        "remarks": [remark for remark in provenance["remarks"] if remark["name"] != CONTAMINATION],
    }


def remarks(provenance: Provenance | None, benchmark: str | None = None) -> list[str]:
    """What makes figures incomparable, each by its name; of one benchmark, those that touch it."""
    found = provenance["remarks"] if provenance else []
    return [
        f"{remark['name'].capitalize()}: {remark['text']}"
        for remark in found
        if benchmark is None or remark["benchmark"] in (None, benchmark)
    ]


def label(provenance: Provenance | None) -> str:
    """What tables say of the corpus if question files brought passages that it would not have else."""
    corpus = provenance["corpus"] if provenance else {}
    if not corpus.get("of_questions"):
        return ""
    return f"{corpus['of_questions']:,} of {corpus['passages']:,} passages are of question files alone"


def measured_on(provenance: Provenance | None) -> list[Table]:
    """The benchmarks with source, split, revision and numbers of questions; then corpus and code."""
    if not provenance:
        return []
    header = ("Benchmark", "Source", "Split", "Revision", "Questions", "In training", "Hops in training")
    rows = tuple((name_of(name), *_cells(entry)) for name, entry in provenance["benchmarks"].items())
    corpus, code = provenance["corpus"], provenance["code"]
    besides = (
        ("Corpus", cell_text(corpus["hash"])),
        ("Passages", cell_text(corpus["passages"])),
        ("Passages of question files alone", cell_text(corpus["of_questions"])),
        ("Version", cell_text(code["stepsearch"])),
        *((("Commit", cell_text(code["commit"])),) if code.get("commit") else ()),
    )
    return [Table("Measured on", header, rows), Table("Measured with", ("", "value"), besides)]


def asked_how(provenance: Provenance | None) -> list[Table]:
    """Where each policy comes from and how it was asked."""
    if not provenance:
        return []
    rows = tuple(
        (name_of(name), *(cell_text(entry[key]) for key in ASKED))
        for name, entry in provenance["policies"].items()
    )
    return [Table("Policies", ("Policy", *ASKED.values()), rows)]


def searched(asked: dict[str, Any]) -> bool:
    """Whether a policy could search, asked as it was."""
    return asked["protocol"] in SEARCHING and asked["max_searches"] > 0


def _cells(entry: dict[str, Any]) -> tuple[str, ...]:
    return (
        ", ".join(filter(None, (entry["source"], entry["config"]))),
        entry["split"],
        entry["revision"] or f"sha256 {cell_text(entry['sha256'])}",
        f"{entry['questions']:,} of {entry['rows']:,}",
        *(DASH if entry[key] is None else f"{entry[key]:,}" for key in ("in_training", "hop_in_training")),
    )
