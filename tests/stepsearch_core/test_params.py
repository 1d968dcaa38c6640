import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepsearch_core.params import Params, ParamsError, asked_with, load_params
from stepsearch_core.profiles import load_profile
from tests.profiles import CONF, whole

TINY = CONF / "tiny.yaml"
SMALL = """# a profile, shortened
base: defaults
profile: small
train: {algorithm: ppo, steps: 4, learning_rate: 1.0e-4}
retrieval:
  stopwords: null
index:
  measured_depths: [2, 3]
fetch: {files: {musique: "m.jsonl"}}
"""
damage = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def refusal(path, overrides=None) -> str:
    with pytest.raises(ParamsError) as caught:
        (load_profile if path == TINY else load_params)(path, overrides)
    message = str(caught.value)
    assert message.startswith((f"{path}: ", f"{path}, line "))
    assert "\n" not in message
    return message.removeprefix(str(path)).removeprefix(", ").removeprefix(": ")


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("train.stepz=1", "train.stepz: Key 'stepz' not in 'TrainParams'"),
        ("train.steps=many", "train.steps: Value 'many' of type 'str' could not be converted to Integer"),
        ("train.steps=1.5", "train.steps: Value '1.5' of type 'str' could not be converted to Integer"),
        ("train.steps=null", "train.steps: Value 'null' of type 'str' could not be converted to Integer"),
        ("train.steps=0", "train.steps: 0 is not at least 1"),
        ("warmstart.batch_size=-8", "warmstart.batch_size: -8 is not at least 1"),
        ("warmstart.epochs=-1", "warmstart.epochs: -1.0 is not at least 0"),
        ("synthesize.retry_share=1.5", "synthesize.retry_share: 1.5 is not at least 0 and at most 1"),
        ("train.learning_rate=nan", "train.learning_rate: nan is not above 0"),
        ("train.zero_stage=4", "train.zero_stage: 4 is not at least 0 and at most 3"),
        (
            "train.algorithm=grpo",
            "train.samples_per_question: 1 is not at least 2, as train.algorithm compares",
        ),
        (
            "watch.trackers=[wandb]",
            "watch.trackers: ['wandb'] is not with dvclive, whose files `dvc plots` shows",
        ),
        (
            "retrieval.bm25_engine=tantivy",
            "retrieval.bm25_engine: 'tantivy' is not possible but with bm25_k1=1.2 and bm25_b=0.75",
        ),
        (
            "rollout.tensor_parallel=2",
            "rollout.tensor_parallel: 2 is not possible but with rollout.engine=vllm",
        ),
        (
            "rollout={engine: vllm, tensor_parallel: 2}",
            "rollout.tensor_parallel: 2 is not a divisor of train.processes and of evaluate.processes",
        ),
        ("fetch.training_share=1.0", "fetch.training_share: 1.0 is not less than 1: some of MuSiQue's test"),
        (
            "fetch={training_share: 0.5, source: files, files: {musique_train: t.jsonl, hotpotqa: h.json}}",
            "fetch.training_share: 0.5 is not possible without MuSiQue's test questions among those fetched",
        ),
        (
            "fetch.world.hop_shares=[0.5,0.5]",
            "fetch.world.hop_shares: [0.5, 0.5] is not three shares, of questions of 2, 3 and 4 hops",
        ),
        ("endpoint.url=localhost:8000", "endpoint.url: 'localhost:8000' is not the address of a service"),
        ("endpoint.url=http://h:PORT/v1", "endpoint.url: 'http://h:PORT/v1' is not the address"),
        ("train.kl_estimator=k1", "train.kl_estimator: 'k1' is not possible in the loss"),
        ("train.offload_optimizer=true", "train.offload_optimizer: True is not possible without ZeRO: set"),
        (
            "warmstart.offload_optimizer=true",
            "warmstart.offload_optimizer: True is not possible without ZeRO: set warmstart.zero_stage to",
        ),
        (
            "watch.guard.min_format_valid=2",
            "watch.guard.min_format_valid: 2.0 is not at least 0 and at most 1",
        ),
        ("train.processes=0", "train.processes: 0 is not at least 1"),
        ("train.algorithm=dqn", "train.algorithm: 'dqn' is not one of steppo, ppo"),
        ("index.measured_depths=[]", "index.measured_depths: empty"),
        ("evaluate.benchmarks=[squad]", "evaluate.benchmarks: 'squad' is not one of musique, hotpotqa"),
        ("train.minibatches=129", "train.minibatches: 129 is not at most the trajectories of a step"),
        (
            "environment.max_turn_tokens=513",
            "environment.max_turn_tokens: 513 is not with max_observation_tokens less",
        ),
        (
            "model.max_positions=511",
            "environment.max_trajectory_tokens: 512 is not at most model.max_positions",
        ),
        (
            "environment.prompt=search_r1",
            "environment.prompt: 'search_r1' is not one of minimal, paper, released, or a file conf",
        ),
        ("environment.prompt=conf/mine.yaml", "environment.prompt: 'conf/mine.yaml' is not one of minimal"),
        (
            "environment.prompt=conf/prompts/../mine.yaml",
            "environment.prompt: 'conf/prompts/../mine.yaml' is not one of minimal",
        ),
        ("environment.protocol=react", "environment.protocol: 'react' is not one of agent, direct, chain"),
        (
            "environment.protocol=ircot",
            "environment.protocol: 'ircot' is not possible for a run, whose policies are trained as agents",
        ),
        ("evaluate.others={mine: {changes: []}}", "evaluate.others: {'mine': PolicyParams(source=None"),
        (
            "environment.chat_template=true",
            "environment.chat_template: True is not possible without model.source",
        ),
        ("model.heads=3", "model.hidden_size: 128 is not a multiple of twice model.heads"),
        ("model.key_value_heads=3", "model.heads: 4 is not a multiple of model.key_value_heads"),
        (
            "fetch={source: files, files: {musique_train: a, musique: b}}",
            (
                "evaluate.benchmarks: ['musique', 'hotpotqa', '2wikimultihopqa', 'bamboogle'] is not all"
                " among those"
            ),
        ),
        ("profile=???", "profile: '???' stands for a missing value"),
        ("nothing", "override 'nothing': expected key=value"),
        ("=3", "override '=3': expected key=value"),
        ("train..steps=3", "override 'train..steps=3': expected key=value"),
        ("train=5", "train: expected parameters, found '5'"),
        ("warmstart.epochs=.inf", "warmstart.epochs: Value '.inf' of type 'str' could not be converted"),
        ("fetch.folder=", "fetch.folder: '' is not a folder apart from what the pipeline writes"),
        ("fetch.folder=data", "fetch.folder: 'data' is not a folder apart from what the pipeline writes"),
        (
            "fetch.folder=./data/train/policy",
            "fetch.folder: './data/train/policy' is not a folder apart from",
        ),
        ("fetch.folder=../..", "fetch.folder: '../..' is not a folder apart from what the pipeline writes"),
        ("fetch.folder=~/questions", "fetch.folder: '~/questions' is not a whole path"),
        ("retrieval.method=remote", "retrieval.url: None is not the address of a service, which"),
        ("index.measured_methods=[bm25, remote]", "retrieval.url: None is not the address of a service"),
        ("synthesize.sources=[remote]", "retrieval.url: None is not the address of a service"),
        (
            "index.measured_methods=[bm25]",
            (
                "synthesize.sources: ['bm25', 'dense', 'char_ngrams'] is not all built here: add what is"
                " missing to index.measured_methods"
            ),
        ),
        ("synthesize.generator=endpoint", "synthesize.generator_model: None is not enough for"),
        *(
            (f"retrieval={{method: remote, url: '{url}'}}", f"retrieval.url: '{url}' is not the address")
            for url in ("", "host:8000", "ftp://host", "file:///etc/passwd", "http://", "http://host:port")
        ),
        *(
            (
                f"retrieval={{method: remote, url: '{url}'}}",
                f"retrieval.url: '{url}' is not the address of a service, which"
                " retrieval.method, index.measured_methods and synthesize.sources need for remote: write"
                " http://HOST:PORT, without a path",
            )
            for url in (
                "http://host:80/retrieve",
                "http://host/?",
                "http://host:80?a=b",
                "http://host#a",
                "http://host:80 ",
                " http://host",
                "http://a b:80",
                "http://exa_mple..com:80",
                "http://a%b",
            )
        ),
        ("retrieval.patience=0", "retrieval.patience: 0.0 is not above 0"),
        ("train.steps.more=3", "train.steps.more: no such parameter (steps is a value)"),
        ("watch.trackers=[dvclive", "watch.trackers: not YAML: "),
        ("tokenizer.kind=pretrained", "tokenizer.kind: 'pretrained' is not possible without model.source"),
    ],
)
def test_a_bad_value_is_named_by_its_key(override, problem):
    assert refusal(TINY, [override]).startswith(problem)


@pytest.mark.parametrize("override", ["train.steps=many", "train=5", "train.steps=0", "train.steps.more=3"])
def test_an_error_of_a_value_tells_which(override):
    with pytest.raises(ParamsError) as raised:
        load_profile(TINY, [override])
    (problem,) = raised.value.problems
    assert problem.startswith(override.partition("=")[0] + ": ")


@pytest.mark.parametrize(
    "override",
    [
        "fetch.folder=data/external",
        "fetch.folder=../questions",
        "train.samples_per_question=2 train.minibatches=256",
        "train.minibatches=128",
        "rollout.engine=vllm rollout.tensor_parallel=2 train.processes=4 evaluate.processes=2",
        "reward.answer_weight=0",
        "environment.prompt=released",
        "retrieval.method=remote retrieval.url=https://retrieval_1.lab:8000/",
        "retrieval.method=remote retrieval.url=http://[::1]:8000",
        "retrieval.url=anything",
        "fetch.source=files fetch.files.hotpotqa=h.json",
    ],
)
def test_values_at_their_limits_are_fine(override):
    load_profile(TINY, override.split())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "expected a mapping of sections, found NoneType"),
        (b"3\n", "expected a mapping of sections, found str"),
        (b"- a\n", "expected a mapping of sections, found list"),
        (b"corpus: 3\nprofile: x\n", "corpus: expected parameters, found '3'"),
        (b"profile: x\nprofile: y\n", "not YAML: found duplicate key profile .*line 2"),
        (b"profile: [1\n", "not YAML: .* line 2"),
        (b"profile: &a [*a]\n", "not YAML: found unconstructable recursive node"),
        (b"profile: " + b"[" * 3000, "nested too deeply"),
        ("profile: é\n".encode("latin-1"), "line 1: not UTF-8 text .* at byte 9"),
        ("profile: x\n".encode("utf-16"), "UTF-16 or UTF-32 text"),
    ],
)
def test_damaged_files(tmp_path, content, problem):
    (tmp_path / "params.yaml").write_bytes(content)
    assert re.match(problem, refusal(tmp_path / "params.yaml"))


def test_all_that_is_wrong_is_said_at_once():
    limits = refusal(TINY, ["train.steps=0", "seed=-1"])
    assert limits == "seed: -1 is not at least 0; train.steps: 0 is not at least 1"
    with pytest.raises(ParamsError) as raised:
        load_profile(TINY, ["model.heads=3", "train.kl_estimator=k1"])
    assert [problem.split(":")[0] for problem in raised.value.problems] == [
        "model.hidden_size",
        "model.heads",
        "train.kl_estimator",
    ]


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        (
            ["model.dtype=bfloat16", "train.gradient_dtype=float32", "train.zero_stage=1"],
            "train.gradient_dtype: 'float32' is not possible beside bfloat16 weights without ZeRO 2 or 3",
        ),
        (
            ["train.offload_reference=true", "train.lora_rank=8"],
            "train.offload_reference: True is not possible without a reference of its own",
        ),
        (
            ["train.offload_reference=true", "train.kl_coefficient=0", "watch.guard.max_kl=null"],
            "train.offload_reference: True is not possible without a reference of its own",
        ),
    ],
)
def test_what_deepspeed_cannot_do_is_said_before(overrides, problem):
    assert refusal(TINY, overrides).startswith(problem)
    load_profile(TINY, overrides[1:] if "dtype" in problem else overrides[:1])


def test_terms_apart_need_a_term_that_the_algorithm_sees():
    blind = ["train.normalise_terms=true", "train.algorithm=reinforce_pp", "reward.answer_weight=0"]
    assert refusal(TINY, blind).startswith("train.normalise_terms: True is not possible with nothing")
    for sighted in ("train.credit=turn_group", "train.algorithm=steppo", "reward.terms={own:term: 1}"):
        load_profile(TINY, [*blind, sighted])


def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path):
    (tmp_path / "params.yaml").write_text(whole("tiny", "seed=3"), encoding="utf-8-sig")
    assert load_params(tmp_path / "params.yaml").seed == 3


def test_what_stages_read_is_whole(tmp_path):
    """DVC reads it as well: a parameter that is not said could change without making a stage stale."""
    path, text = tmp_path / "params.yaml", whole("tiny")
    path.write_text(re.sub(r"\n  clip_range: .*", "", text))
    assert refusal(path).startswith(
        "train.clip_range: missing: only a profile with a `base:` leaves any out"
    )
    path.write_text(re.sub(r"\n  guard:.*(\n    .*)*", "", text).replace("\nseed: 0", "\n#"))
    assert refusal(path).startswith("seed: missing (and 1 more): ")
    path.write_text("base: tiny\n" + text)
    assert refusal(path).startswith("base: only for profiles; `stepsearch profile NAME` writes")


def test_a_missing_file_or_a_folder_is_named(tmp_path):
    assert refusal(tmp_path / "params.yaml") == "no such file"
    assert "Is a directory" in refusal(tmp_path)


@damage
@given(data=st.data())
def test_random_damage_is_accepted_or_refused_in_one_line(tmp_path, data):
    damaged = bytearray(SMALL.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(damaged)))
        damaged[start : start + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=6))
    path = tmp_path / "params.yaml"
    path.write_bytes(damaged[: data.draw(st.sampled_from([len(damaged)] * 3 + [len(damaged) // 2]))])
    message = f"{path}: "
    try:
        load_profile(path)
    except ParamsError as error:
        message = str(error)
    assert message.startswith((f"{path}: ", f"{path}, line "))
    assert "\n" not in message


def numbers(section, prefix="") -> list[tuple[str, Mapping]]:
    """Dotted keys of all numeric parameters with their metadata."""
    found: list[tuple[str, Mapping]] = []
    for declared in fields(section):
        value = getattr(section, declared.name)
        if is_dataclass(value):
            found += numbers(value, f"{prefix}{declared.name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.append((f"{prefix}{declared.name}", declared.metadata))
    return found


def test_every_number_has_limits():
    keys = [key for key, _ in numbers(Params(profile="x"))]
    assert not [key for key, metadata in numbers(Params(profile="x")) if "limit" not in metadata]
    message = refusal(TINY, [f"{key}=-1" for key in keys])
    assert [key for key in keys if f" {key}: -1" not in f" {message}"] == []


OTHER = "evaluate.others={mine: {source: folder, changes: [CHANGES]}}"


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["direct", "chain_of_thought", "rag", "ircot", "search_o1"])
def test_another_policy_may_be_asked_by_any_protocol(protocol):
    params = load_profile(TINY, [OTHER.replace("CHANGES", f"environment.protocol={protocol}")])
    assert asked_with(params, "mine").environment.protocol == protocol


def test_a_prompt_may_be_a_file_that_dvc_watches_and_searches_may_be_none():
    params = load_profile(TINY, ["environment.prompt=conf/prompts/a.b-c.yaml", "environment.max_searches=0"])
    assert (params.environment.prompt, params.environment.max_searches) == ("conf/prompts/a.b-c.yaml", 0)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ("train.steps=3", "evaluate.others.mine.changes: 'train.steps=3' is not of environment, retrieval,"),
        (
            "environment.prompt=long",
            "evaluate.others.mine.changes: environment.prompt: 'long' is not one of",
        ),
        ("environment.no=1", "evaluate.others.mine.changes: environment.no: "),
        (
            "environment.protocol=ircot, environment.max_searches=0",
            "evaluate.others.mine.changes: environment.max_searches: 0 is not enough for protocols that",
        ),
        ("environment", "evaluate.others.mine.changes: override 'environment': expected key=value"),
    ],
)
def test_what_another_policy_is_asked_with_is_checked_with_all_else(changes, problem):
    with pytest.raises(ParamsError) as caught:
        load_profile(TINY, [OTHER.replace("CHANGES", changes)])
    assert str(caught.value).startswith(problem)


def test_another_policy_is_asked_with_its_changes_and_all_else_of_the_run():
    changes = "environment.prompt=paper, environment.chat_template=true, retrieval.method=dense"
    params = load_profile(TINY, [OTHER.replace("CHANGES", changes), "seed=5"])
    asked = asked_with(params, "mine")
    assert (asked.environment.prompt, asked.environment.chat_template) == ("paper", True)
    assert (asked.model.source, params.model.source) == ("folder", None)  # whose tokenizer has the template
    assert (asked.retrieval.method, asked.seed) == ("dense", 5)
    assert asked.environment.max_searches == params.environment.max_searches
    assert params.environment.prompt == "minimal"


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        (["evaluate.policies=[warmstart, trained, mine]"], "evaluate.policies: "),
        (["evaluate.policies=[]"], "evaluate.policies: [] is not all of warmstart"),
        (["evaluate.after=index"], "evaluate.after: 'index' is not possible with one of warmstart"),
        (["evaluate.others={trained: {source: x}}"], "evaluate.others: "),
        (["evaluate.others={'a/b': {source: x}}"], "evaluate.others: "),
        (
            [OTHER.replace("CHANGES", ""), "evaluate.policies=[mine]"],
            "evaluate.policies: ['mine'] is not both warmstart and trained",
        ),
    ],
)
def test_policies_have_to_be_there(overrides, problem):
    assert refusal(TINY, overrides).startswith(problem)


def test_others_alone_need_nothing_trained():
    overrides = [OTHER.replace("CHANGES", ""), "evaluate.policies=[mine]", "evaluate.after=index"]
    assert load_profile(TINY, overrides).evaluate.policies == ["mine"]
