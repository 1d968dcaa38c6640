import pytest

from stepsearch_core.cli import main


@pytest.mark.parametrize("command", [[], ["show"], ["profile"], ["plan"], ["check"]])
def test_help_names_every_command_and_option(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([*command, "--help"])
    assert "usage: stepsearch" in capsys.readouterr().out
