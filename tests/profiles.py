"""The profiles of `conf/`, for tests that need one, wherever they run."""

from stepsearch_core.params import Params
from stepsearch_core.profiles import load_profile, profile_files
from stepsearch_core.profiles.text import whole_text
from tests.import_graph import ROOT

CONF = ROOT / "conf"
NAMES = sorted(path.stem for path in CONF.glob("*.yaml"))


def profile(name: str, *overrides: str) -> Params:
    """The parameters of a profile, with overrides laid over it."""
    return load_profile(CONF / f"{name}.yaml", overrides)


def whole(name: str, *overrides: str) -> str:
    """What `stepsearch profile` writes of them."""
    return whole_text(profile_files(CONF / f"{name}.yaml"), profile(name, *overrides), overrides)
