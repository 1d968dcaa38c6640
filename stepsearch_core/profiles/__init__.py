"""Profiles: what differs from a base, in `conf/NAME.yaml`. The active one is at `params.yaml`, whole and
with comments, where DVC and the stages read it.
"""

from stepsearch_core.profiles.active import ACTIVE, activate
from stepsearch_core.profiles.chain import (
    PROFILES,
    load_profile,
    profile_files,
    profile_names,
    profile_path,
    read_profile,
)

__all__ = [
    "ACTIVE",
    "PROFILES",
    "activate",
    "load_profile",
    "profile_files",
    "profile_names",
    "profile_path",
    "read_profile",
]
