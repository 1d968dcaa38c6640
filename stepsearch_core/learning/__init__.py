"""What the warm start and PPO share: batches, a model with its value head, DeepSpeed and its ranks."""
