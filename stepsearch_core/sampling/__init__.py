"""Engines that sample turns from a policy: transformers with a paged cache, vLLM, scripted ones."""
