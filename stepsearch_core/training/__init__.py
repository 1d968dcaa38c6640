"""Step-wise PPO and its baselines: experience, credit, losses, the loop, its checkpoints and its guards."""
