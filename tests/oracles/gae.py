"""GAE from its definition: A_t = sum over l of (gamma lambda)^l delta_{t+l}, on the policy tokens of one
row.
"""

import numpy as np


def advantages_and_returns(rewards, values, mask, gamma, gae_lambda):
    """One row at a time, the environment's tokens cut out first, a double sum instead of a recursion."""
    where = [t for t, written in enumerate(mask) if written]
    r, v = [rewards[t] for t in where], [values[t] for t in where] + [0.0]
    deltas = [r[t] + gamma * v[t + 1] - v[t] for t in range(len(where))]
    advantages, returns = np.zeros(len(mask)), np.zeros(len(mask))
    for t, position in enumerate(where):
        tail = sum((gamma * gae_lambda) ** k * delta for k, delta in enumerate(deltas[t:]))
        advantages[position], returns[position] = tail, tail + v[t]
    return advantages, returns
