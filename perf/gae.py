"""How exact the advantages are: against the definition as a double sum, in float64 and from float32.

The float32 side takes inputs rounded to float32 and rounds what comes out to float32, as a trainer in that
precision would see it; its error is relative to the definition's values on those same inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from itertools import product

import numpy as np

from perf.measure import report
from stepsearch_core.base.streams import Name, stream
from stepsearch_core.training.gae import generalized_advantages

SEED = 0
TURNS = 6
OBSERVATION = 8
WRITTEN = 12
"""At most so many turns, and tokens that the environment and the policy write in each."""


def main(quick: bool) -> None:
    """Compare 1,000 random trajectories (`quick`: 100) under six settings; print the largest errors."""
    trajectories = 100 if quick else 1000
    rewards, values, mask = _draw(trajectories)
    single = rewards.astype(np.float32)
    estimates = values.astype(np.float32)
    settings = list(product((1.0, 0.99), (1.0, 0.95, 0.9)))
    errors: dict[str, list[float]] = {"float64": [], "float32": []}
    largest: dict[str, list[float]] = {"library": [], "definition": []}
    for setting in settings:
        found = _by_library(rewards, values, mask, *setting)
        expected = _by_definition(rewards, values, mask, *setting)
        errors["float64"].append(_largest(found, expected, relative=False))
        largest["library"].append(float(np.abs(found[0]).max()))
        largest["definition"].append(float(np.abs(expected[0]).max()))
        found = _by_library(single, estimates, mask, *setting)
        rounded = [array.astype(np.float32).astype(np.float64) for array in found]
        expected = _by_definition(single.astype(np.float64), estimates.astype(np.float64), mask, *setting)
        errors["float32"].append(_largest(rounded, expected, relative=True))
    figures = {"gae_max_error": max(errors["float64"]), "gae_max_error_fp32": max(errors["float32"])}
    both_sides = {f"{side}_largest_advantage": sizes for side, sizes in largest.items()}
    both_sides |= {f"errors_{precision}": each for precision, each in errors.items()}
    workload = [array.tolist() for array in (rewards, values, mask)] + [settings]
    report("gae", figures, both_sides, 1, workload, trajectories=trajectories, gamma_and_lambda=settings)


def _draw(trajectories: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rewards, values and masks [trajectories, tokens]: turns of both authors, a reward at each end."""
    draw = stream(SEED, Name.MEASUREMENT)
    rewards = np.zeros((trajectories, TURNS * (OBSERVATION + WRITTEN)))
    mask = np.zeros(rewards.shape, dtype=bool)
    for row in range(trajectories):
        end = 0
        for _ in range(draw.integers(1, TURNS + 1)):
            start = end + int(draw.integers(0, OBSERVATION + 1))
            end = start + int(draw.integers(1, WRITTEN + 1))
            mask[row, start:end] = True
            rewards[row, end - 1] = draw.normal()
    return rewards, draw.normal(size=mask.shape), mask


def _by_library(
    rewards: np.ndarray, values: np.ndarray, mask: np.ndarray, gamma: float, gae_lambda: float
) -> tuple[np.ndarray, np.ndarray]:
    """Of whole trajectories, zero where the environment wrote."""
    advantages, returns = np.zeros(mask.shape), np.zeros(mask.shape)
    for row, written in enumerate(mask):
        found = generalized_advantages(rewards[row, written], values[row, written], gamma, gae_lambda)
        advantages[row, written], returns[row, written] = found
    return advantages, returns


def _by_definition(
    rewards: np.ndarray, values: np.ndarray, mask: np.ndarray, gamma: float, gae_lambda: float
) -> tuple[np.ndarray, np.ndarray]:
    definition = import_module("tests.oracles.gae").advantages_and_returns
    rows = [definition(*row, gamma, gae_lambda) for row in zip(rewards, values, mask, strict=True)]
    return np.stack([row[0] for row in rows]), np.stack([row[1] for row in rows])


def _largest(found: Sequence[np.ndarray], expected: Sequence[np.ndarray], relative: bool) -> float:
    """Largest deviation of advantages and returns."""
    difference = np.abs(np.stack(found) - np.stack(expected))
    size = np.abs(np.stack(expected))
    return float((difference / np.where(size, size, 1.0) if relative else difference).max())
