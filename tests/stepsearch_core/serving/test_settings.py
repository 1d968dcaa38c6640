import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.serving.settings import ServingSettings


def test_a_default_above_the_limit_is_refused():
    with pytest.raises(DataError, match=r"field '--topk': 9 is above --topk-limit, 8"):
        ServingSettings(topk=9, topk_limit=8)
