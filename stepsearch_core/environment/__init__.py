"""The search environment: prompts, the action grammar, observations, episodes. No tensors."""
