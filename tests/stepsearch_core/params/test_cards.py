import pytest

from stepsearch_core.params import ParamsError
from stepsearch_core.params.cards import CARDS
from tests.profiles import profile


@pytest.mark.slow
@pytest.mark.parametrize("name", CARDS)
def test_every_card_may_be_named(name):
    assert profile("paper_3b", f"hardware.gpu={name}").hardware.gpu == name


def test_another_is_refused_with_those_that_there_are():
    with pytest.raises(ParamsError, match=r"hardware\.gpu: 'H1000' is not one of A10, .*RTX-5090"):
        profile("paper_3b", "hardware.gpu=H1000")
