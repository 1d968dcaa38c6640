"""PPO on the outcome (Schulman et al., arXiv 1707.06347), the paper's first baseline: no step rewards.

Its reward is the answer's F1 at the last policy token (paper, table 2); everything else is StePPO's.
"""

from __future__ import annotations

from stepsearch_core.training.algorithms.algorithm import Algorithm
from stepsearch_core.training.algorithms.steppo import whitened_gae

PPO = Algorithm(critic=True, credit=whitened_gae)
