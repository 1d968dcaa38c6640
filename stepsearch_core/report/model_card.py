"""The model card: `README.md` beside a policy's files, with what was measured as the hub's `model-index`.

`huggingface_hub` writes the metadata. A policy of others that has a card already keeps it, with the results
in it: ours and what they are of are added.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from stepsearch_core.base.io import read_object
from stepsearch_core.params import MEAN, TRAINING_FILES, Params
from stepsearch_core.report.markdown import table_lines
from stepsearch_core.report.provenance import measured_on, of_policy, remarks, searched
from stepsearch_core.report.results import ANSWER_MEASURES, DASH, interval, number
from stepsearch_core.report.tables import Table

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCard, ModelCardData

CARD = "README.md"
TASK_TYPE = "question-answering"
"""The hub's name of it."""
METRIC_TYPES = {"em": "exact_match"}
"""The hub's names of measures, where they are not ours."""
TAGS = ["stepsearch", "question-answering", "search", "reinforcement-learning"]


def model_card(
    folder: Path,
    rows: Sequence[dict[str, Any]],
    evaluated: dict[str, Any],
    params: Params,
    name: str,
    training_sets: Sequence[str] = (),
) -> ModelCard:
    """The card of one policy.

    Args:
        folder: the policy's, with `config.json` and perhaps a card.
        rows: `report.leaderboard`'s of this policy alone.
        evaluated: what stands in `evaluated.json`.
        params: sections `model` and `train`, as a policy of the stages was trained with.
        name: what the model is called.
        training_sets: names at the hub of what it was trained on.

    Raises:
        DataError: no configuration in the folder, or a damaged one.
    """
    from huggingface_hub import ModelCard, ModelCardData

    body = _body(folder, rows, evaluated, params, name)
    results = list(_eval_results(rows, evaluated["provenance"]))
    if (folder / CARD).is_file():
        card = ModelCard.load(folder / CARD, ignore_metadata_errors=True)
        _add_results(card.data, _results_in(folder / CARD, card.data), name, results)
        card.text = f"{card.text.rstrip()}\n\n{body}"
        return card
    data = ModelCardData(
        model_name=name,
        eval_results=results,
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=TAGS,
        base_model=_hub_name(params.model.source) if _is_ours(rows) else None,
        datasets=(list(training_sets) or None) if _is_ours(rows) else None,
    )
    return ModelCard(f"---\n{data.to_yaml()}\n---\n\n{body}")


def _results_in(path: Path, data: ModelCardData) -> list[dict[str, Any]]:
    """The results that a card has, as they stand there; none where the library cannot read them."""
    from huggingface_hub import metadata_load

    index = (metadata_load(path) or {}).get("model-index") if data.eval_results else None
    return [result for model in index or () for result in model["results"]]


def _add_results(
    data: ModelCardData, earlier: Sequence[dict[str, Any]], name: str, results: Sequence[EvalResult]
) -> None:
    """Put results behind those there are, each once.

    The index is made here: the library would put all that are on one data set under the first one's source
    and arguments.
    """
    from huggingface_hub.repocard_data import eval_results_to_model_index

    (index,) = eval_results_to_model_index(name, list(results))
    added = [result for result in index["results"] if result not in earlier]
    data.model_name = data.eval_results = None
    data["model-index"] = [index | {"results": [*earlier, *added]}]


def training_sets(manifest: dict[str, Any]) -> list[str]:
    """The data sets of the hub among the files of training questions that were fetched."""
    entries = (manifest["files"].get(key, {}) for key in TRAINING_FILES)
    return list(dict.fromkeys(entry["dataset"]["name"] for entry in entries if "dataset" in entry))


def _body(
    folder: Path, rows: Sequence[dict[str, Any]], evaluated: dict[str, Any], params: Params, name: str
) -> str:
    loader = jinja2.PackageLoader("stepsearch_core.report")
    environment = jinja2.Environment(
        loader=loader, undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    policy = rows[0]["policy"]
    provenance = of_policy(evaluated["provenance"], policy)
    asked = provenance["policies"][policy]
    training = "supervised warm start"
    if policy == "trained":
        training += f", then {params.train.steps} steps of {params.train.algorithm}"
    tables = (line for table in measured_on(provenance) for line in (*table_lines(table), ""))
    return environment.get_template("model_card.md").render(
        name=name,
        policy=policy,
        config=read_object(folder / "config.json", ["model_type"]),
        has_card=(folder / CARD).is_file(),
        trained=_is_ours(rows),
        training=training,
        provenance=provenance,
        asked=asked,
        searched=searched(asked),
        asking=shlex.join(part for change in asked["changes"] for part in ("--change", change)),
        remarks=remarks(provenance),
        results="\n".join(_results(rows)),
        measured_on="\n".join(tables).rstrip(),
        sha256=evaluated["policies"][policy],
    )


def _is_ours(rows: Sequence[dict[str, Any]]) -> bool:
    """Whether a stage made the policy, so that the parameters say how."""
    return rows[0]["policy"] in ("warmstart", "trained")


def _results(rows: Sequence[dict[str, Any]]) -> list[str]:
    """A row for each data set, a column for each measure of answers."""
    cells = {(row["dataset"], row["metric"]): row for row in rows}
    sets = {row["dataset"]: row for row in rows}
    body = tuple(
        (
            row["dataset_name"],
            row["split"] or DASH,
            str(cells[dataset, ANSWER_MEASURES[0].key]["n"]),
            *(_result(cells.get((dataset, measure.key)), measure.digits) for measure in ANSWER_MEASURES),
        )
        for dataset, row in sets.items()
        if (dataset, ANSWER_MEASURES[0].key) in cells
    )
    head = ("Data set", "Split", "Questions", *(measure.label for measure in ANSWER_MEASURES))
    return table_lines(Table("", head, body))


def _result(row: dict[str, Any] | None, digits: int) -> str:
    return f"{number(row['value'], digits)} ({interval(row, digits)})" if row else DASH


def _eval_results(rows: Sequence[dict[str, Any]], provenance: dict[str, Any]) -> Iterator[EvalResult]:
    """What the hub shows: the measures of answers, on each data set; a mean is none."""
    from huggingface_hub import EvalResult

    shown = {measure.key for measure in ANSWER_MEASURES}
    for row in rows:
        if row["metric"] not in shown or row["dataset"] == MEAN:
            continue
        entry = provenance["benchmarks"][row["dataset"]]
        given = {field: row[field] for field in ("sha256", "corpus", "of_questions", "index", "in_training")}
        yield EvalResult(
            task_type=TASK_TYPE,
            task_name=row["task"],
            # not the published name of another thing: a generated world's MuSiQue is not MuSiQue
            dataset_type=_hub_name(entry["source"]) or entry["source"].replace(" ", "-"),
            dataset_config=entry["config"] or row["dataset"],
            dataset_name=f"{row['dataset_name']} ({row['source']})",
            dataset_split=row["split"],
            dataset_revision=entry["revision"],
            dataset_args={"questions": entry["questions"], "rows": entry["rows"], **given},
            metric_type=METRIC_TYPES.get(row["metric"], row["metric"]),
            metric_name=row["metric_name"],
            metric_value=row["value"],
            metric_args={field: row[field] for field in ("low", "high", "confidence", "n")},
        )


def _hub_name(source: str | None) -> str | None:
    """A name that the hub can have, `owner/name`; None of a folder or of anything else."""
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    if not source or "/" not in source or Path(source).exists():
        return None
    try:
        validate_repo_id(source)
    except HFValidationError:
        return None
    return source
