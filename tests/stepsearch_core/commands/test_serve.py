import pytest

from stepsearch_core.cli import main, parser


def test_what_is_not_said_has_a_value():
    options = parser().parse_args(["serve"])
    assert (options.host, options.port, options.name) == ("127.0.0.1", 8080, "stepsearch")
    assert options.policy is options.slots is None
    assert not options.mcp


@pytest.mark.parametrize("option", ["--slots=0", "--queue=0", "--question=0", "--timeout=0"])
def test_a_value_that_cannot_be_is_refused_by_its_name(option, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["serve", option])
    assert ended.value.code == 2
    assert f"argument {option.partition('=')[0]}: invalid" in capsys.readouterr().err


@pytest.mark.parametrize("how", [(), ("--mcp",)])
def test_without_a_pipeline_it_is_one_line(tmp_path, monkeypatch, how):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r"^stepsearch: params\.yaml: no such file$"):
        main(["serve", "--port", "0", *how])
