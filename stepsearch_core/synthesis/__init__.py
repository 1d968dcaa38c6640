"""Search keys for every step of the training questions, and trajectories for the warm start."""
