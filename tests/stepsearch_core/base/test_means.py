import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.base.means import mean, measured


@pytest.mark.parametrize("values", [[], [None], [None, None], iter(())])
def test_the_mean_of_nothing_is_none_without_a_warning(values):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert mean(values) is None


@given(
    st.lists(st.none() | st.floats(-1e6, 1e6), min_size=1).filter(
        lambda values: values != [None] * len(values)
    )
)
def test_only_defined_values_count(values):
    assert mean(values) == np.mean([value for value in values if value is not None])


def test_a_value_that_is_no_number_is_not_hidden():
    assert mean([1.0, float("nan")]) == pytest.approx(float("nan"), nan_ok=True)


def test_a_row_has_what_was_measured():
    assert measured({"f1": 0.0, "recall": None}) == {"f1": 0.0}
