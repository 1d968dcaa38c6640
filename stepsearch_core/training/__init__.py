"""Supervised warm start and step-wise PPO, run by DeepSpeed."""
