"""The multi-turn loop between policy, environment and retriever, and trajectories as batches of arrays."""
