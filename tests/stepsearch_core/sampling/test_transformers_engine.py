import numpy as np
import pytest
import torch
from scipy import stats

from stepsearch_core.environment.actions import THINK
from stepsearch_core.sampling.engine import EngineError, TurnRequest
from stepsearch_core.sampling.transformers_engine import TransformersEngine
from tests import tiny
from tests.stepsearch_core.sampling.writers import untagged_bpe, writer

WORD = tiny.tokenizer()
MODEL = tiny.model(WORD, sharpness=2.0)
VOCABULARY = len(WORD)
CLOSE = WORD.convert_tokens_to_ids("</search>")


def streams(count, seed=0):
    return [np.random.default_rng([seed, number]) for number in range(count)]


def opened(engine, each, capacity):
    """A session with a context for each random stream (None: greedy)."""
    session = engine.session(len(each), capacity)
    for slot, stream in enumerate(each):
        session.open(slot, stream)
    return session


def generate(session, requests):
    """A turn of each slot."""
    for slot, request in requests.items():
        session.submit(slot, request)
    made = {}
    while len(made) < len(requests):
        made |= session.advance()
    return made


def random_ids(generator, length):
    return generator.integers(3, VOCABULARY - len(THINK.tags), size=length).tolist()


def play(session, prompts, schedule, seed=3):
    """Several turns; `schedule[t]` is slot -> most new tokens in turn t. Returns slot -> (context, mask, log
    probs).
    """
    generator = np.random.default_rng(seed)
    context = {slot: [] for slot in prompts}
    mask = {slot: [] for slot in prompts}
    recorded = {slot: [] for slot in prompts}
    for turn, wanted in enumerate(schedule):
        observations = {slot: random_ids(generator, 1 + (5 * slot + 3 * turn) % 11) for slot in prompts}
        requests = {
            slot: TurnRequest(observations[slot] if turn else prompts[slot], limit)
            for slot, limit in wanted.items()
        }
        for slot, made in generate(session, requests).items():
            context[slot] += [*requests[slot].new_tokens, *made.token_ids]
            mask[slot] += [False] * len(requests[slot].new_tokens) + [True] * len(made.token_ids)
            recorded[slot] += made.log_probs
            assert len(made.log_probs) == len(made.token_ids) <= wanted[slot]
    return {slot: (context[slot], mask[slot], recorded[slot]) for slot in prompts}


PROMPTS = {
    slot: random_ids(np.random.default_rng(slot), length) for slot, length in enumerate([3, 41, 9, 30, 1])
}
SCHEDULE = [
    {0: 5, 1: 9, 2: 1, 3: 7, 4: 30},
    {0: 5, 1: 2, 3: 7, 4: 12},  # slot 2 is done
    {1: 8, 4: 8},  # two of five: the others are dropped
    {4: 9},
]


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_recorded_log_probs_are_those_of_one_full_pass(temperature):
    session = opened(TransformersEngine(MODEL, WORD, temperature), streams(5), 150)
    for context, mask, recorded in play(session, PROMPTS, SCHEDULE).values():
        expected = tiny.full_log_probs(MODEL, context, temperature)
        positions = [position for position, written in enumerate(mask) if written]
        assert len(positions) == len(recorded)
        again = [expected[position - 1, context[position]].item() for position in positions]
        assert recorded == pytest.approx(again, abs=1e-5)


def test_greedy_equals_running_the_whole_context_for_every_token():
    session = opened(TransformersEngine(MODEL, WORD, 1.0), [None] * 5, 150)
    for context, mask, recorded in play(session, PROMPTS, SCHEDULE).values():
        expected = tiny.full_log_probs(MODEL, context)
        for position, written in enumerate(mask):
            if written:
                assert context[position] == expected[position - 1].argmax().item()
        assert len(recorded) == sum(mask)


def test_a_slot_samples_the_same_alone_and_among_others():
    engine = TransformersEngine(MODEL, WORD)
    together = play(opened(engine, streams(5), 150), PROMPTS, SCHEDULE)
    for slot, prompt in PROMPTS.items():
        session = opened(engine, [streams(5)[slot]], 150)
        generator = np.random.default_rng(3)
        context = []
        for turn, wanted in enumerate(SCHEDULE):
            observations = {s: random_ids(generator, 1 + (5 * s + 3 * turn) % 11) for s in PROMPTS}
            if slot in wanted:
                new = observations[slot] if turn else prompt
                context += new + generate(session, {0: TurnRequest(new, wanted[slot])})[0].token_ids
        assert context == together[slot][0]


def test_the_same_seed_gives_the_same_bits_and_another_seed_others():
    engine = TransformersEngine(MODEL, WORD)
    one, same = (play(opened(engine, streams(5), 150), PROMPTS, SCHEDULE) for _ in range(2))
    assert one == same
    assert one != play(opened(engine, streams(5, seed=1), 150), PROMPTS, SCHEDULE)


def test_a_full_context_and_a_capacity_that_is_no_round_number():
    session = opened(TransformersEngine(MODEL, WORD), streams(2), 50)
    prompts = {0: PROMPTS[1], 1: PROMPTS[0]}  # 41 and 3
    made = generate(session, {0: TurnRequest(prompts[0], 9), 1: TurnRequest(prompts[1], 9)})
    for slot, generation in made.items():
        context = prompts[slot] + generation.token_ids
        assert len(context) <= 50
        expected = tiny.full_log_probs(MODEL, context)
        start = len(prompts[slot])
        again = [expected[start + i - 1, token].item() for i, token in enumerate(generation.token_ids)]
        assert generation.log_probs == pytest.approx(again, abs=1e-5)


@pytest.mark.parametrize(
    ("text", "ends_with"),
    [
        ("ada <search> where lies oslo </search> norway . bob", "</search>"),
        ("ada <answer> norway </answer> oslo . bob", "</answer>"),
        ("ada <think> oslo </think> <search> norway . </search> <search> bob", "</search>"),
        ("ada </search> norway . bob", "</search>"),
        ("ada was born in <|end|> rome . bob", "<|end|>"),
    ],
)
def test_a_turn_ends_at_once_where_an_action_closes_or_the_text_ends(text, ends_with):
    model, prompt, rest = writer(tiny.model(WORD), WORD, text)
    stop = rest.index(WORD.convert_tokens_to_ids(ends_with)) + 1
    session = opened(TransformersEngine(model, WORD), [None], 60)
    made = generate(session, {0: TurnRequest(prompt, 30)})[0]
    assert made.token_ids == rest[:stop]
    assert made.text == WORD.decode(rest[:stop], skip_special_tokens=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("o<search> os < / lo > </search> oslo and on", "<search> os < / lo > </search>"),
        ("o<answer>oslo</answer>oslo and on", "<answer>oslo</answer>"),
        ("o<search>lo</search>>oslo and on", "<search>lo</search>>"),  # ">>" is one token here
    ],
)
def test_a_tag_of_several_tokens_ends_a_turn_as_well(text, written):
    tokenizer = untagged_bpe()
    assert len(tokenizer.encode("</search>")) > 5
    model, prompt, rest = writer(tiny.model(tokenizer), tokenizer, text)
    made = generate(opened(TransformersEngine(model, tokenizer), [None], 100), {0: TurnRequest(prompt, 60)})[
        0
    ]
    assert made.text == written
    assert made.token_ids == rest[: len(made.token_ids)]


@pytest.mark.slow
@pytest.mark.parametrize("limit", [1, 2, 5])
def test_the_limit_ends_a_turn(limit):
    model, prompt, rest = writer(tiny.model(WORD), WORD, "ada <search> where lies oslo </search> norway")
    made = generate(opened(TransformersEngine(model, WORD), [None], 60), {0: TurnRequest(prompt, limit)})[0]
    assert made.token_ids == rest[:limit]


def test_a_slot_may_have_a_temperature_of_its_own():
    context = TurnRequest(random_ids(np.random.default_rng(2), 9), 20)
    made = {}
    for own in (0.3, 2.0):
        [alone] = generate(
            opened(TransformersEngine(MODEL, WORD, own), streams(1), 40), {0: context}
        ).values()
        made[own] = alone
    session = TransformersEngine(MODEL, WORD, 0.3).session(2, 40)
    session.open(0, streams(1)[0])
    session.open(1, streams(1)[0], 2.0)
    assert generate(session, {0: context, 1: context}) == {0: made[0.3], 1: made[2.0]}
    assert made[0.3].token_ids != made[2.0].token_ids


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_tokens_follow_the_distribution(temperature):
    rows, model = 400, tiny.model(WORD, sharpness=6.0)
    engine = TransformersEngine(model, WORD, temperature)
    counts = np.zeros(VOCABULARY)
    for seed in range(5):
        session = opened(engine, streams(rows, seed), 8)
        for made in generate(session, {row: TurnRequest([5, 9, 7], 1) for row in range(rows)}).values():
            counts[made.token_ids[0]] += 1
    probabilities = tiny.full_log_probs(model, [5, 9, 7], temperature)[-1].double().exp().numpy()
    assert chi_square(counts, probabilities) > 0.001
    other = tiny.full_log_probs(model, [5, 9, 7], 0.8)[-1].double().exp().numpy()
    assert chi_square(counts, other) < 1e-6  # the test can tell temperatures apart


def chi_square(counts, probabilities):
    """p-value, tokens that are expected fewer than 5 times taken together."""
    expected = probabilities / probabilities.sum() * counts.sum()
    rare = expected < 5
    if rare.any():
        counts, expected = (np.append(values[~rare], values[rare].sum()) for values in (counts, expected))
    return stats.chisquare(counts, expected).pvalue


def test_a_model_in_training_mode_samples_as_in_evaluation():
    made = [
        generate(opened(TransformersEngine(model, WORD), streams(1), 20), {0: TurnRequest([5], 6)})
        for model in (tiny.model(WORD).train(), tiny.model(WORD))
    ]
    assert made[0] == made[1]


def test_what_torch_cannot_do_is_an_error_of_the_engine(monkeypatch):
    session = opened(TransformersEngine(MODEL, WORD), streams(1), 20)
    session.submit(0, TurnRequest([5], 6))

    def full(*arguments):
        raise torch.OutOfMemoryError("out of\nmemory")

    monkeypatch.setattr(MODEL.lm_head, "forward", full)
    with pytest.raises(EngineError, match="a pass failed: out of memory"):
        session.advance()


def test_a_slot_opened_again_forgets_its_turn():
    session = opened(TransformersEngine(MODEL, WORD), streams(2), 20)
    session.submit(0, TurnRequest([5, 6], 6))
    session.advance()
    session.open(0, streams(1)[0])
    made = generate(session, {0: TurnRequest([5], 6)})
    assert made == generate(
        opened(TransformersEngine(MODEL, WORD), streams(1), 20), {0: TurnRequest([5], 6)}
    )


def test_a_turn_beyond_the_capacity_is_refused():
    session = opened(TransformersEngine(MODEL, WORD), streams(1), 20)
    with pytest.raises(ValueError, match="slot 0 could hold 21 tokens, its capacity is 20"):
        session.submit(0, TurnRequest([5] * 15, 6))


@pytest.mark.parametrize("greedy", [True, False])
def test_rows_that_the_tokenizer_has_no_token_for_are_never_drawn(greedy):
    torch.manual_seed(0)
    model = tiny.model(WORD)
    model.resize_token_embeddings(VOCABULARY + 30, mean_resizing=False)
    model.config.tie_word_embeddings = False
    head = torch.nn.Linear(model.config.hidden_size, VOCABULARY + 30, bias=False)
    torch.nn.init.normal_(head.weight)
    with torch.no_grad():
        head.weight[VOCABULARY:] *= 20  # so that one of them would be drawn every time
    model.lm_head = head
    stream = None if greedy else np.random.default_rng(0)
    made = generate(
        opened(TransformersEngine(model, WORD), [stream], 100), {0: TurnRequest(PROMPTS[1], 30)}
    )[0]
    assert max(made.token_ids) < VOCABULARY
    context = PROMPTS[1] + made.token_ids
    rows = tiny.full_log_probs(model, context)  # over all rows, as the trainer has them
    again = [rows[len(PROMPTS[1]) + i - 1, token].item() for i, token in enumerate(made.token_ids)]
    assert made.log_probs == pytest.approx(again, rel=1e-4)
    assert WORD.decode([*made.token_ids, VOCABULARY + 3]) == WORD.decode(made.token_ids)
