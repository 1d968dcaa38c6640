import pytest

from stepsearch_core.cli import main, parser
from stepsearch_core.params import METHODS


def test_what_is_not_said_has_a_value():
    options = parser().parse_args(["serve-retriever"])
    assert (options.host, options.port, options.workers) == ("127.0.0.1", 8000, 1)
    assert options.method is None
    assert options.cache is None
    for method, indexes in METHODS.items():
        if indexes:  # what searches elsewhere cannot be served
            assert parser().parse_args(["serve-retriever", "--method", method]).method == method


@pytest.mark.parametrize(
    "arguments",
    [
        ("--method", "remote"),
        ("--port", "many"),
        ("--workers", "0"),
        ("--timeout", "inf"),
        ("--timeout", "nan"),
        ("--topk", "2.5"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_its_name(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["serve-retriever", *arguments])
    assert ended.value.code == 2
    assert f"argument {arguments[0]}: invalid" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--port", "65536", "65536 is not from 0 to 65535"),
        ("--port", "-1", "-1 is not from 0 to 65535"),
        ("--cache-gb", "0", "0 is not from 0.001 to 1000000"),
        ("--cache-gb", "1e300", "1e+300 is not from 0.001 to 1000000"),
        ("--cache-gb", "nan", "nan is not from 0.001 to 1000000"),
        ("--cache", "", "a folder has a name; leave the option out for no cache"),
    ],
)
def test_a_refused_value_comes_with_what_is_possible(option, value, reason, capsys):
    with pytest.raises(SystemExit):
        main(["serve-retriever", f"{option}={value}"])
    assert f"argument {option}: {reason}\n" in capsys.readouterr().err


def test_without_a_pipeline_it_is_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r"^stepsearch: params\.yaml: no such file$"):
        main(["serve-retriever", "--port", "0"])
