"""Engines that sample turns from a policy: transformers with a paged cache of its own, vLLM, scripted
ones.
"""
