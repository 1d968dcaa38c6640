from stepsearch_core.training.algorithms.ppo import PPO
from stepsearch_core.training.algorithms.steppo import STEPPO
from tests.stepsearch_core.training.algorithms.batches import batch, plain


def test_it_is_steppo_on_other_rewards():
    made = batch([[0, 0, 1], [0, 0.5]], values=[[0.1, 0.2, 0.3], [0.4, 0.5]])
    assert [plain(rows) for rows in PPO.credit(made, 0.9, 0.8)] == [
        plain(rows) for rows in STEPPO.credit(made, 0.9, 0.8)
    ]
