"""The two-level bootstrap: intervals over a study's replicates and the questions asked in each.

A policy that is trained again, from another seed and on another world, scores differently, and by more than
its questions explain: an interval over questions alone is that of one policy, not of the method. So
replicates are drawn with replacement, and within each drawn one, anew for every time that it is drawn, its
questions, benchmark by benchmark (Davison & Hinkley, Bootstrap Methods and their Application, 1997, section
3.8). Estimated is the mean over replicates of the mean over questions; in the column `mean` these are first
averaged over benchmarks with equal weights. Intervals are percentiles, as in `evaluation.bootstrap`.

Limits. The noise of questions enters twice, by itself and through the replicates' means, which makes
intervals longer; few replicates show too little of their variance, which makes them shorter. What comes of
it at a level of .95, in 2,000 simulated studies of 2 / 3 / 5 / 8 replicates: where training varies .7 times
as much as a replicate's mean does by its questions, intervals hold the truth in .93 / .95 / .97 / .98 of
them; where 2.1 times as much, in .77 / .85 / .91 / .93 (over questions alone, in .88 and .59). Replicates of
one world are asked the same questions and count as asked different ones. One replicate says nothing of
training: its interval is that over questions.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from stepsearch_core.base.streams import Name, stream
from stepsearch_core.evaluation.bootstrap import BATCH_VALUES

Table = np.ndarray
"""float64 [questions, measures] of one benchmark in one replicate; NaN where not defined."""


@dataclass(frozen=True, slots=True)
class Estimates:
    """Estimates and their intervals, each [benchmarks and their mean, measures]; NaN without a value.

    `means` are what they are the means of, [replicates, benchmarks and their mean, measures].
    """

    means: np.ndarray
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


def estimate(replicates: Sequence[Sequence[Table]], samples: int, confidence: float, seed: int) -> Estimates:
    """Means over replicates and questions with their intervals.

    Args:
        replicates: at least one, each with a table for every benchmark in one order. A table without
            questions says that the benchmark was not asked, and the replicate has no mean over benchmarks;
            a measure without a value in a table with some is left out of this mean.
        samples: number of bootstrap resamples.
        confidence: two-sided level, .95 say.
        seed: the same seed gives the same intervals.
    """
    asked = np.array([[len(table) > 0 for table in tables] for tables in replicates])
    means = _with_mean(np.array([[_mean(table) for table in tables] for tables in replicates]), asked)
    tail = (1 - confidence) / 2
    with _undefined():
        resampled = np.nanmean(_resampled(replicates, asked, samples, seed), axis=1)
        low, high = np.nanquantile(resampled, [tail, 1 - tail], axis=0)
        return Estimates(means, np.nanmean(means, axis=0), low, high)


def _resampled(
    replicates: Sequence[Sequence[Table]], asked: np.ndarray, samples: int, seed: int
) -> np.ndarray:
    """Means of the replicates that are drawn, [samples, replicates, benchmarks and their mean, measures]."""
    random = stream(seed, Name.REPLICATES)
    number, benchmarks, measures = len(replicates), len(replicates[0]), replicates[0][0].shape[1]
    drawn = random.integers(number, size=(samples, number))
    means = np.full((samples, number, benchmarks, measures), np.nan)
    for replicate, tables in enumerate(replicates):
        places = drawn == replicate
        for benchmark, table in enumerate(tables):
            means[places, benchmark] = _resampled_means(table, int(places.sum()), random)
    return _with_mean(means, asked[drawn])


def _resampled_means(table: Table, samples: int, random: np.random.Generator) -> np.ndarray:
    """Means of resampled questions, [samples, measures]: counts of each question times its values."""
    questions = len(table)
    if not questions:
        return np.full((samples, table.shape[1]), np.nan)
    defined = np.isfinite(table)
    values, everywhere = np.where(defined, table, 0), bool(defined.all())
    means = []
    for rows in _batches(samples, max(1, BATCH_VALUES // questions)):
        picked = random.integers(questions, size=(rows, questions)) + questions * np.arange(rows)[:, None]
        counts = np.bincount(picked.ravel(), minlength=rows * questions).reshape(rows, questions)
        weights = counts.astype(np.float64)
        with _undefined():
            means.append(weights @ values / (questions if everywhere else weights @ defined))
    return np.concatenate(means) if means else np.empty((0, table.shape[1]))


def _with_mean(means: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Means of benchmarks, [..., benchmarks, measures], and behind them the mean of all that were asked."""
    with _undefined():
        mean = np.nanmean(means, axis=-2, keepdims=True)
    mean[~asked.all(axis=-1)] = np.nan
    return np.concatenate([means, mean], axis=-2)


def _mean(table: Table) -> np.ndarray:
    """Means over the questions for which a measure is defined, [measures]."""
    with _undefined():
        return np.nanmean(table, axis=0)


def _batches(total: int, size: int) -> Iterator[int]:
    """Sizes of the parts that a total is done in."""
    for start in range(0, total, size):
        yield min(size, total - start)


@contextmanager
def _undefined() -> Iterator[None]:
    """A mean over nothing is NaN here, and no warning."""
    with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
        warnings.filterwarnings("ignore", "Mean of empty slice|All-NaN slice", RuntimeWarning)
        yield
