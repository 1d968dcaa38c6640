"""The offline multi-hop world; `write_world` is the whole interface."""

from stepsearch_core.worlds.world import write_world

__all__ = ["write_world"]
