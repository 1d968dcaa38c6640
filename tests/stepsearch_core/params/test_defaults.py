from dataclasses import asdict, fields, is_dataclass

import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.limits import anything
from stepsearch_core.params import Params, TrainParams, load_params
from stepsearch_core.params import defaults as module
from stepsearch_core.params.defaults import DEFAULTS, section
from stepsearch_core.profiles.comments import comments
from stepsearch_core.profiles.text import load


def test_what_is_built_by_hand_has_the_values_of_the_base_of_all_profiles():
    assert Params() == load_params(DEFAULTS)
    assert asdict(Params())["train"] == load(DEFAULTS)["train"]
    assert TrainParams(steps=5) == load_params(DEFAULTS, ["train.steps=5"]).train


def test_lists_are_not_shared_between_instances():
    Params().index.measured_depths.append(7)
    Params().fetch.files["musique"] = "m.jsonl"
    assert Params() == load_params(DEFAULTS)


def declared(schema, prefix=""):
    for field in fields(schema):
        value = getattr(schema, field.name)
        if is_dataclass(value):
            yield from declared(value, f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}", type(value)


def test_values_have_the_type_of_their_field_without_a_conversion():
    """They are read as YAML, without the schema's help."""
    assert dict(declared(Params())) == dict(declared(load_params(DEFAULTS)))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: {x: 1}", r"defaults\.yaml: field 'a\.y': missing"),
        ("a: {x: 1, y: 2, z: 3}", r"defaults\.yaml: field 'a\.z': no such field in the schema"),
    ],
)
def test_a_parameter_is_one_line_in_the_schema_and_one_in_the_base(tmp_path, monkeypatch, text, problem):
    monkeypatch.setattr(module, "DEFAULTS", tmp_path / "defaults.yaml")
    (tmp_path / "defaults.yaml").write_text(text)
    module.read_defaults.cache_clear()
    with pytest.raises(DataError, match=problem):

        @section("a")
        class Section:
            x: int = anything()
            y: int = anything()

    module.read_defaults.cache_clear()


def test_what_a_parameter_is_stands_beside_it():
    bare = [key for key, comment in comments(load(DEFAULTS)).items() if not comment]
    assert [key for key in bare if not key.startswith("fetch.world.")] == []
