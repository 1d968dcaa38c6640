from stepsearch_core.base.amounts import gigabytes


def test_gigabytes_are_of_ten_to_the_ninth():
    assert gigabytes(2_540_000_000) == "2.5 GB"
    assert gigabytes(40_000_000) == "0.0 GB"
