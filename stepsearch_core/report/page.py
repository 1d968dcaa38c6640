"""The page: what the inputs say, laid into the templates. The template engine escapes all text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import jinja2
from markupsafe import Markup, escape

from stepsearch_core.environment.prompts import STYLES
from stepsearch_core.metrics.measures import Measure, warnings
from stepsearch_core.params import POLICIES, Params, params_yaml
from stepsearch_core.report import (
    breakdown,
    cases,
    curves,
    pairs,
    provenance,
    published,
    results,
    retrieval,
    tables,
)
from stepsearch_core.report.charts import IntervalChart, interval_chart
from stepsearch_core.report.inputs import Inputs, Metrics, Training, benchmarks_of, policies_of
from stepsearch_core.report.viewer import make_viewer
from stepsearch_core.runtime.software import versions
from stepsearch_core.training.statistics import LOGGED

TEMPLATES = "stepsearch_core.report"
"""The package whose templates make the page."""
OTHER_TONES = 4
"""Colours that the style sheet has for policies of others."""
TAG = re.compile(f"({'|'.join(sorted({tag for style in STYLES.values() for tag in style.grammar.tags}))})")


def render_page(inputs: Inputs, params: Params) -> str:
    """The whole page as one HTML document that loads nothing from anywhere."""
    environment = page_environment(TEMPLATES)
    environment.globals.update(tones=tones(policies_of(inputs.metrics)))
    return environment.get_template("page.html").render(_context(inputs, params))


def render_curves(train_log: list[dict[str, Any]]) -> str:
    """The curves of the paper's figures as one SVG image without a style sheet, for other pages."""
    return (
        page_environment(TEMPLATES)
        .get_template("curves.svg")
        .render(charts=curves.charts(train_log, curves.PAPER_CURVES))
    )


def mark_tags(text: str) -> Markup:
    """The policy's text, escaped, with the tags of all prompt styles set apart."""
    parts = TAG.split(text.strip())
    return Markup("").join(
        Markup('<span class="tag">{}</span>').format(part) if index % 2 else escape(part)
        for index, part in enumerate(parts)
    )


def page_environment(*packages: str) -> jinja2.Environment:
    """The templates of these packages (the first that has one), which escape all text, with what the shared
    ones print values by.
    """
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(package) for package in packages]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}  # orders are those of the page
    environment.filters.update(
        cell=tables.cell_text, number=results.number, name=results.name_of, tags=mark_tags
    )
    environment.globals.update(logged=LOGGED, tones={})
    return environment


def _context(inputs: Inputs, params: Params) -> dict[str, Any]:
    return {
        "params": params,
        "params_yaml": params_yaml(params),
        "headline": results.headline(inputs.metrics, params.evaluate.confidence),
        "metrics": inputs.metrics,
        "heads": [
            (results.name_of(key), results.asked(inputs.metrics, key, inputs.provenance))
            for key in results.columns(inputs.metrics)
        ],
        "f1": results.F1,
        "answer_tables": _tables(inputs.metrics, results.ANSWER_MEASURES),
        "behaviour_tables": _tables(inputs.metrics, results.BEHAVIOUR_MEASURES),
        "result_chart": _result_chart(inputs.metrics),
        "mean_notes": {
            policy: note
            for policy in policies_of(inputs.metrics)
            if (note := results.mean_note(inputs.metrics, policy, results.F1))
        },
        "by_hops": breakdown.f1_by_hops(inputs.records),
        "recall_by_hop": breakdown.recall_by_hop(inputs.records),
        "ends": breakdown.ends_by_reason(inputs.records),
        "invalid_turns": breakdown.invalid_by_reason(inputs.records),
        "warnings": [
            *provenance.remarks(inputs.provenance),
            *warnings(inputs.metrics, policies_of(inputs.metrics), benchmarks_of(inputs.metrics)),
        ],
        "label": provenance.label(inputs.provenance),
        "pairs": pairs.pair_rows(inputs.metrics),
        "pairs_explained": pairs.EXPLAINED,
        "measured_on": [
            *provenance.measured_on(inputs.provenance),
            *provenance.asked_how(inputs.provenance),
        ],
        "policies": policies_of(inputs.metrics),
        "benchmarks": benchmarks_of(inputs.metrics),
        "trained": inputs.training is not None,
        **_training(inputs.training),
        "retrieval": retrieval.retrieval_tables(inputs.index_report, params.retrieval.method),
        "data": tables.report_tables(inputs.fetch_manifest),
        "cases": cases.choose_cases(inputs.records, params.report.case_studies, params.seed),
        "outcomes": cases.outcomes(inputs.records),
        "compared": cases.compared(inputs.records),
        "outcome_counts": cases.outcome_counts(inputs.records),
        "viewer": make_viewer(
            inputs.records,
            inputs.training.kept if inputs.training else (),
            params.report.trajectories_mb,
            params.seed,
        ),
        "published": published,
        "versions": versions(),
    }


def _training(training: Training | None) -> dict[str, Any]:
    """What the page says of training; nothing where there was none."""
    if training is None:
        nothing = dict.fromkeys(("training", "diagnostics", "warmstart", "synthesis"), ())
        return {**nothing, "curve_data": {}, "written_answers": None}
    shown = {
        "training": curves.charts(training.log, curves.PAPER_CURVES),
        "diagnostics": curves.charts(training.log, curves.diagnostics(training.log)),
        "warmstart": curves.charts(training.warmstart_log, curves.WARMSTART_CURVES),
    }
    return {
        **shown,
        "curve_data": {chart.key: chart.data for charts in shown.values() for chart in charts},
        "synthesis": tables.report_tables(training.synthesis_report),
        "written_answers": training.written_answers,
    }


def tones(policies: Sequence[str]) -> dict[str, str]:
    """The style class of each policy's colour: its name, or for policies of others one of a few in turn."""
    others = [policy for policy in policies if policy not in POLICIES]
    return {policy: policy for policy in POLICIES} | {
        policy: f"other-{number % OTHER_TONES}" for number, policy in enumerate(others)
    }


def _tables(metrics: Metrics, shown: Sequence[Measure]) -> list[tuple[Measure, list[results.Row]]]:
    return [(measure, results.rows(metrics, measure)) for measure in shown]


def _result_chart(metrics: Metrics) -> IntervalChart:
    groups = []
    for column in results.columns(metrics):
        members = []
        for policy in policies_of(metrics):
            cell = metrics[policy].get(column, {}).get(results.F1.key)
            if cell and cell["low"] is not None:
                digits = results.F1.digits
                value = results.number(cell["value"], digits)
                label = f"{results.name_of(policy)}: {value} ({results.interval(cell, digits)})"
                members.append((policy, cell["value"], cell["low"], cell["high"], label))
        groups.append((results.name_of(column), members))
    return interval_chart(groups)
