"""What real ranks of two launchers say to each other is in `tests/tasks/test_two_launchers.py`."""

from stepsearch_core.runtime.agreement import check_agreement, differences


def test_ranks_that_hold_the_same_do_not_differ():
    held = {"train.steps": "3", "data/a": "12ab"}
    assert differences([(0, "one", held), (1, "two", dict(held))]) == []


def test_every_difference_has_its_values_and_who_has_them():
    everybody = [
        (0, "one", {"train.steps": "3", "seed": "0", "data/a": "12ab"}),
        (1, "one", {"train.steps": "3", "seed": "0", "data/a": "12ab"}),
        (2, "two", {"train.steps": "4", "seed": "0", "data/b": "34cd"}),
    ]
    assert differences(everybody) == [
        "train.steps is 3 on rank 0 (one) and 1 more, 4 on rank 2 (two)",
        "data/a is 12ab on rank 0 (one) and 1 more, missing on rank 2 (two)",
        "data/b is missing on rank 0 (one) and 1 more, 34cd on rank 2 (two)",
    ]


def test_a_process_alone_agrees_with_itself():
    check_agreement({"seed": "0"})
