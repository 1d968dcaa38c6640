from stepsearch_core.learning.critics import InformedHead, ValueHead
from stepsearch_core.learning.head_sizes import head_parameters
from stepsearch_core.policy.models import parameter_count


def test_counts_are_those_of_the_modules():
    assert head_parameters(24, 0) == parameter_count(ValueHead(24))
    assert head_parameters(24, 5) == parameter_count(InformedHead(24, 5))
