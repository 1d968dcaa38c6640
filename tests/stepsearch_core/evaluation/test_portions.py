import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.evaluation.portions import Kept, Portion, portions
from stepsearch_core.params import EvaluateParams
from tests import tiny

QUESTIONS = [tiny.ADA, tiny.BOB] * 5


@pytest.mark.parametrize(
    ("settings", "sizes"),
    [
        ({"batch_size": 1}, [4, 4, 2]),
        ({"batch_size": 1, "processes": 2}, [8, 2]),
        ({"batch_size": 2, "samples": 4}, [2, 2, 2, 2, 2]),
        ({"batch_size": 1, "samples": 9}, [1] * 10),
        ({"batch_size": 3}, [10]),
    ],
)
def test_portions_are_of_so_many_trajectories_and_in_order(settings, sizes):
    made = portions({"musique": QUESTIONS, "bamboogle": []}, EvaluateParams(**settings))
    assert [len(portion.questions) for portion in made] == sizes
    assert [portion.first for portion in made] == [sum(sizes[:number]) for number in range(len(sizes))]
    assert [question for portion in made for question in portion.questions] == QUESTIONS


def test_a_damaged_file_is_named(tmp_path):
    kept, portion = Kept(tmp_path), Portion("musique", 4, [tiny.ADA])
    assert portion not in kept
    kept.write(portion, [], 2.5)
    assert portion in kept
    assert Portion("musique", 8, [tiny.ADA]) not in kept
    assert kept.read(portion) == []
    assert kept.seconds(portion) == 2.5
    (tmp_path / "musique" / "000004.jsonl").write_text("{}\n")
    with pytest.raises(DataError, match=r"musique/000004\.jsonl, line 1"):
        kept.read(portion)
