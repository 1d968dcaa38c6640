"""The algorithms by name: one file each, one interface (`algorithm.Algorithm`)."""

from stepsearch_core.training.algorithms.algorithm import Algorithm
from stepsearch_core.training.algorithms.grpo import GRPO
from stepsearch_core.training.algorithms.ppo import PPO
from stepsearch_core.training.algorithms.reinforce_pp import REINFORCE_PP
from stepsearch_core.training.algorithms.rloo import RLOO
from stepsearch_core.training.algorithms.steppo import STEPPO

ALGORITHMS: dict[str, Algorithm] = {
    "steppo": STEPPO,
    "ppo": PPO,
    "grpo": GRPO,
    "rloo": RLOO,
    "reinforce_pp": REINFORCE_PP,
}
"""What `train.algorithm` names."""
