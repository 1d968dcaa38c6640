"""Every advantage estimator against plain loops over the definitions, on random batches."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from stepsearch_core.base.streams import Name, stream
from stepsearch_core.params import RewardParams, TrainParams
from stepsearch_core.training.algorithms.algorithm import ScoredBatch
from stepsearch_core.training.credit import Crediting

BATCHES, QUESTIONS, SAMPLES = 20, 4, 4
SETTINGS: list[dict[str, Any]] = [
    *({"algorithm": name} for name in ("steppo", "ppo", "grpo", "rloo", "reinforce_pp")),
    *(
        {"algorithm": name, "credit": scheme}
        for name, scheme in product(("grpo", "rloo", "reinforce_pp"), ("return_to_go", "turn_group"))
    ),
    {"algorithm": "steppo", "bi_level_gae": True, "turn_gamma": 0.95, "turn_lambda": 0.8},
]
GAMMA, LAMBDA = 0.99, 0.9


def largest_error() -> float:
    """The largest difference of an advantage, over all settings and batches."""
    return max(_error(settings, _random_batch(number)) for settings in SETTINGS for number in range(BATCHES))


def _random_batch(number: int) -> ScoredBatch:
    draw = stream(0, Name.MEASUREMENT, number)
    ids = [f"q{index % QUESTIONS}" for index in range(QUESTIONS * SAMPLES)]
    turns = [np.repeat(np.arange(3), draw.integers(1, 5, 3)) for _ in ids]
    evidence = [np.cumsum(draw.integers(0, 2, 3))[row] for row in turns]
    rewards = [draw.normal(size=(len(row), 1)) for row in turns]
    values = [draw.normal(size=(len(row), 1)) for row in turns]
    return ScoredBatch(ids, rewards, values, turns, evidence)


def _error(settings: dict[str, Any], batch: ScoredBatch) -> float:
    params = replace(TrainParams(), gamma=GAMMA, gae_lambda=LAMBDA, **settings)
    found, _ = Crediting(params, RewardParams()).assign(batch)
    expected = by_definition(params, batch)
    return max(float(np.abs(np.array(of) - row).max()) for of, row in zip(expected, found, strict=True))


def by_definition(params: TrainParams, batch: ScoredBatch) -> list[list[float]]:
    """Advantages by loops that share no code with the library's."""
    rewards = [[float(x) for x in row[:, 0]] for row in batch.rewards]
    values = [[float(x) for x in row[:, 0]] for row in batch.values]
    turns = [row.tolist() for row in batch.turns]
    if params.algorithm in ("steppo", "ppo"):
        rows = [
            _bi_level(r, v, t, params)
            if params.bi_level_gae
            else _gae(r, v, params.gamma, params.gae_lambda)
            for r, v, t in zip(rewards, values, turns, strict=True)
        ]
        return _whitened(rows)
    if params.credit != "trajectory":
        return _by_turn(params, batch, rewards, turns)
    if params.algorithm == "reinforce_pp":
        discounted = [[_discounted(row[t:], params.gamma) for t in range(len(row))] for row in rewards]
        return _whitened(discounted)
    totals = [sum(row) for row in rewards]
    made = []
    for number, row in enumerate(rewards):
        group = [i for i, other in enumerate(batch.question_ids) if other == batch.question_ids[number]]
        own = [totals[i] for i in group]
        others = [totals[i] for i in group if i != number]
        if params.algorithm == "rloo":
            advantage = totals[number] - sum(others) / len(others)
        else:
            advantage = (totals[number] - sum(own) / len(own)) / (_deviation(own) + 1e-6)
        made.append([advantage] * len(row))
    return made


def _by_turn(
    params: TrainParams, batch: ScoredBatch, rewards: list[list[float]], turns: list[list[int]]
) -> list[list[float]]:
    cells = []  # trajectory, turn, cell, return
    for number, row in enumerate(rewards):
        for turn in sorted(set(turns[number])):
            first = turns[number].index(turn)
            state = batch.evidence[number].tolist()[first] if params.credit == "return_to_go" else turn
            question = "" if params.algorithm == "reinforce_pp" else batch.question_ids[number]
            cells.append((number, turn, (question, state), _discounted(row[first:], params.gamma)))
    made = [[0.0] * len(row) for row in rewards]
    for number, turn, cell, value in cells:
        beside = [other for other in cells if other[2] == cell]
        own = [other[3] for other in beside]
        strangers = [other[3] for other in beside if other[0] != number]
        if len(beside) < 2:
            advantage = 0.0
        elif params.algorithm == "rloo":
            advantage = value - sum(strangers) / len(strangers) if strangers else 0.0
        elif params.algorithm == "grpo":
            advantage = (value - sum(own) / len(own)) / (_deviation(own) + 1e-6)
        else:
            advantage = value - sum(own) / len(own)
        for token, at in enumerate(turns[number]):
            if at == turn:
                made[number][token] = advantage
    return _whitened(made) if params.algorithm == "reinforce_pp" else made


def _bi_level(
    rewards: list[float], values: list[float], turns: list[int], params: TrainParams
) -> list[float]:
    numbers = sorted(set(turns))
    firsts = [turns.index(turn) for turn in numbers]
    earned = [sum(r for r, at in zip(rewards, turns, strict=True) if at == turn) for turn in numbers]
    before = [values[first] for first in firsts]
    over_turns = _gae(earned, before, params.turn_gamma, params.turn_lambda)
    advantages = []
    for place, turn in enumerate(numbers):
        own = [value for value, at in zip(values, turns, strict=True) if at == turn]
        ends = [reward for reward, at in zip(rewards, turns, strict=True) if at == turn]
        ends[-1] += over_turns[place] + before[place] - earned[place]
        advantages += _gae(ends, own, params.gamma, params.gae_lambda)
    return advantages


def _gae(rewards: list[float], values: list[float], gamma: float, gae_lambda: float) -> list[float]:
    """The sum over what comes of discounted temporal differences, for each token anew."""
    following = [*values[1:], 0.0]
    deltas = [r + gamma * n - v for r, n, v in zip(rewards, following, values, strict=True)]
    return [
        math.fsum((gamma * gae_lambda) ** k * delta for k, delta in enumerate(deltas[t:]))
        for t in range(len(deltas))
    ]


def _discounted(rewards: list[float], gamma: float) -> float:
    return math.fsum(gamma**k * reward for k, reward in enumerate(rewards))


def _deviation(values: list[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def _whitened(rows: list[list[float]]) -> list[list[float]]:
    flat = [value for row in rows for value in row]
    mean = math.fsum(flat) / len(flat)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in flat) / (len(flat) - 1) + 1e-8)
    return [[(value - mean) / deviation for value in row] for row in rows]
