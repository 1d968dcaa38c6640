"""Arguments that nobody can tell apart by their place have names."""

import ast

import pytest

from tests.import_graph import ROOT, own_sources

POSITIONAL = 6
"""More of them than this are not told apart by place."""


def positional(function: ast.FunctionDef) -> list[str]:
    return [
        arg.arg
        for arg in (*function.args.posonlyargs, *function.args.args)
        if arg.arg not in ("self", "cls")
    ]


@pytest.mark.slow
def test_no_function_takes_more_than_six_arguments_by_place():
    found = {}
    for path in own_sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and len(positional(node)) > POSITIONAL:
                found[f"{path.relative_to(ROOT)}:{node.lineno}"] = positional(node)
    assert not found
