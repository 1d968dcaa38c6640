"""The search environment: prompts, the action grammar, observations, episodes, protocols. No tensors."""
