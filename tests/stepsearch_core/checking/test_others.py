import pytest

pytestmark = pytest.mark.slow
ALL = "evaluate.policies=[warmstart, trained, mine]"


def found(look, policy, *more):
    seen = look(ALL, f"evaluate.others={{mine: {{{policy}}}}}", *more)
    return seen.status, [line for line in seen.findings if "evaluate.others" in line and "mine" in line]


@pytest.mark.parametrize(
    ("policy", "problem"),
    [
        ("source: /nowhere/at/all", "mine: '/nowhere/at/all' is no folder"),
        ("source: nosuch/model", "as a name of the hub it has no revision"),
        ("source: ., changes: [retrieval.method=dense]", "builds no dense"),
    ],
)
def test_what_would_end_the_evaluation_is_said_before(look, policy, problem):
    only_bm25 = "index.measured_methods=[bm25]", "synthesize.sources=[bm25]"
    status, lines = found(look, policy, *only_bm25)
    assert status == 1
    assert any(problem in line for line in lines)


def test_an_encoder_of_its_own_finds_no_vectors(look):
    changes = "source: ., changes: [retrieval.method=dense, retrieval.encoder=conf]"
    _, lines = found(look, changes)
    assert any("searches vectors of conf, the index has those of hashing" in line for line in lines)


def test_a_folder_and_a_revision_are_enough(look):
    assert found(look, "source: .") == (0, [])
    seen = look("evaluate.others={mine: {source: /nowhere/at/all}}")  # not evaluated
    assert not [line for line in seen.findings if "nowhere" in line]
