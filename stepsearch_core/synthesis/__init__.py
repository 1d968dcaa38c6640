"""Search keys for every hop of the training questions, and trajectories for the warm start."""
