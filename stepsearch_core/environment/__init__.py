"""The search environment: prompts, the action grammar, observations and episodes. Text and token ids, no
tensors.
"""
