"""StepSearch: step-wise PPO for multi-hop question answering with search (arXiv 2505.15107)."""
