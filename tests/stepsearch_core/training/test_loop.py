import logging

from stepsearch_core.training.loop import _warn


def test_what_policies_were_not_shown_or_could_not_write_is_said_once_a_run(caplog):
    warned = set()
    with caplog.at_level(logging.WARNING):
        _warn({"step": 1, "hidden_passages": 0.05, "invalid_turns": 0.0}, warned)
        assert caplog.text == ""
        _warn({"step": 2, "hidden_passages": 0.25, "invalid_turns": 0.5}, warned)
        _warn({"step": 3, "hidden_passages": 0.25}, warned)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert said[0].startswith("step 2: 50.0% of the turns hold no valid action: ")
    assert said[1].startswith("step 2: 25.0% of the passages found are not shown: ")
