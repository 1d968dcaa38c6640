import logging
from dataclasses import replace

import pytest
import torch
from transformers import get_cosine_schedule_with_warmup

from stepsearch_core.base.types import Author, StopReason
from stepsearch_core.environment.actions import THINK
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.learning import sft
from stepsearch_core.learning.batching import token_batch
from stepsearch_core.learning.run_folder import RunFolder
from stepsearch_core.learning.sft import fine_tune, replay
from stepsearch_core.metrics.timing import untimed
from stepsearch_core.params import RolloutParams, WarmstartParams
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.sampling.scripted_engine import ScriptedEngine
from stepsearch_core.synthesis.trajectories import AnswerTurn, SearchTurn
from tests import published, tiny

WORD = tiny.tokenizer()
RENDERER = Renderer(WORD, tiny.ENVIRONMENT)
COPIES = [
    replay(tiny.turns(asked), asked, tiny.BY_ID.__getitem__, RENDERER) for asked in (tiny.ADA, tiny.BOB)
]


@pytest.mark.parametrize("kind", ["word", "bpe"])
def test_a_replay_is_what_a_rollout_of_the_same_text_makes(kind, tmp_path):
    tokenizer = tiny.tokenizer(kind)
    renderer = Renderer(
        tokenizer, tiny.environment(max_turn_tokens=40, max_observation_tokens=60, max_trajectory_tokens=300)
    )
    scripts = [
        [
            THINK.search_turn("", "ada born"),
            THINK.search_turn("oslo", "where oslo lies"),
            THINK.answer_turn("norway", "norway"),
        ],
        [
            THINK.search_turn("", "nothing here"),
            THINK.search_turn("", "oslo"),
            THINK.search_turn("", "and on"),
        ],
        [THINK.answer_turn("", "italy")],
    ]
    asked = [tiny.ADA, tiny.BOB, tiny.BOB]
    rollout = Rollout(
        ScriptedEngine(renderer, scripts), tiny.retriever(tmp_path), renderer, RolloutParams(batch_size=8)
    )
    for script, question, played in zip(scripts, asked, rollout.greedy(asked), strict=True):
        turns = []
        for text, turn in zip(script, played.turns, strict=False):
            think, content = text.split("<think> ")[1].split(" </think> ")
            content = content.split("> ", 1)[1].rsplit(" <", 1)[0]
            answers = "<answer>" in text
            turns.append(
                AnswerTurn(think, content) if answers else SearchTurn(think, content, turn.passage_ids)
            )
        again = replay(turns, question, tiny.BY_ID.__getitem__, renderer)
        expected = [(s.author, s.turn, s.token_ids) for s in played.segments]
        if isinstance(turns[-1], AnswerTurn):  # the end of text, which only the warm start writes
            expected[-1] = (*expected[-1][:2], [*expected[-1][2], tokenizer.eos_token_id])
        assert [(s.author, s.turn, s.token_ids) for s in again.segments] == expected
        assert again.turns == played.turns
        assert again.stop_reason == played.stop_reason


def test_a_replay_by_hand():
    made = COPIES[0]
    texts = [WORD.decode(segment.token_ids) for segment in made.segments]
    assert texts == [
        "Question : where lies the birthplace of ada",
        "<think> </think> <search> where was ada born </search>",
        "<information> Doc 1 : ada was born in oslo . Doc 2 : cid plays chess . </information>",
        "<think> </think> <search> where lies oslo </search>",
        (
            "<information> Doc 1 : oslo lies in norway . Doc 2 : dora plays chess in oslo . </information>"
            " Answer now ."
        ),
        "<think> </think> <answer> norway </answer> <|end|>",
    ]
    assert made.stop_reason is StopReason.ANSWERED
    assert all(segment.log_probs is None for segment in made.segments)


def test_a_replay_stops_where_the_environment_does():
    searches = tiny.turns(tiny.ADA)[:1] * 5
    made = replay(searches, tiny.ADA, tiny.BY_ID.__getitem__, RENDERER)
    assert made.stop_reason is StopReason.TURN_LIMIT
    assert len(made.turns) == 3
    tight = Renderer(WORD, tiny.environment(max_trajectory_tokens=40))
    made = replay(searches, tiny.ADA, tiny.BY_ID.__getitem__, tight)
    assert made.stop_reason is StopReason.LENGTH_LIMIT
    assert len(made.token_ids) <= 40


def test_a_question_that_is_too_long_is_not_replayed():
    long = replace(tiny.ADA, question="oslo " * 200)
    assert replay(tiny.turns(tiny.ADA), long, tiny.BY_ID.__getitem__, RENDERER).segments == []


def tune(params, seed=0, trajectories=COPIES, folder=None):
    policy = tiny.model(WORD)
    history = fine_tune(policy, trajectories, params, WORD.pad_token_id, seed, folder)
    assert all(row["timing/batch"] > 0 for row in history)
    return policy, list(map(untimed, history))


def test_the_first_loss_is_the_mean_over_what_the_policy_wrote():
    _, history = tune(WarmstartParams(epochs=1, batch_size=2))
    with torch.no_grad():
        expected = -torch.cat([tiny.plain_log_probs(tiny.model(WORD), made) for made in COPIES]).mean()
    assert len(history) == 1
    assert history[0]["loss"] == pytest.approx(expected.item(), abs=1e-5)


def test_it_learns_what_the_policy_wrote_and_not_what_the_environment_did():
    policy, history = tune(WarmstartParams(epochs=60, batch_size=2, learning_rate=1e-2))
    losses = [row["loss"] for row in history]
    assert losses[0] > 2.0
    assert losses[-1] < 0.2
    chess = WORD.convert_tokens_to_ids("chess")
    assert all(
        chess not in s.token_ids for made in COPIES for s in made.segments if s.author is Author.POLICY
    )
    ids = COPIES[0].token_ids
    with torch.no_grad():
        written = torch.cat([tiny.plain_log_probs(policy.eval(), made) for made in COPIES])
        after = torch.softmax(policy(torch.tensor([ids])).logits[0, ids.index(chess) - 1], dim=-1)
    assert written.exp().mean() > 0.8
    assert after[chess] < 0.05  # one in 50 is chance


def test_steps_epochs_and_learning_rate():
    params = WarmstartParams(epochs=2.5, batch_size=2, learning_rate=1e-2, warmup_ratio=0.4)
    trajectories = COPIES * 2
    policy, history = tune(params, trajectories=trajectories)
    assert [row["step"] for row in history] == [1, 2, 3, 4, 5]  # 10 trajectories
    optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-2)
    scheduler = get_cosine_schedule_with_warmup(optimizer, 2, 5)
    for row in history:
        assert row["learning_rate"] == pytest.approx(scheduler.get_last_lr()[0])
        assert row["grad_norm"] > 0
        optimizer.step()
        scheduler.step()


def kept_for_backward_passes(**changes):
    """Bytes that autograd keeps in a batch of the warm start, its weights left out, and the loss."""
    saved = {}

    def pack(tensor):
        saved[tensor.untyped_storage().data_ptr()] = tensor  # kept, so that no address is used twice
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        policy, history = tune(WarmstartParams(epochs=1, batch_size=2, **changes))
    weights = {parameter.untyped_storage().data_ptr() for parameter in policy.parameters()}
    return sum(t.untyped_storage().nbytes() for key, t in saved.items() if key not in weights), history


@pytest.mark.parametrize("stage", [0, pytest.param(3, marks=pytest.mark.slow)])
def test_gradient_checkpointing_saves_memory(stage):
    (plain, loss), (checkpointed, same) = (
        kept_for_backward_passes(zero_stage=stage, gradient_checkpointing=on) for on in (False, True)
    )
    assert checkpointed < plain / 2
    assert same == loss


def test_micro_batches_hold_their_tokens_and_make_the_same_steps(monkeypatch):
    params = WarmstartParams(epochs=4, batch_size=8, learning_rate=1e-3)
    passed = []

    def recorded(*arguments):
        batch = token_batch(*arguments)
        passed.append(batch.input_ids.size)
        return batch

    monkeypatch.setattr(sft, "token_batch", recorded)
    whole, expected = tune(params, trajectories=COPIES * 4)
    assert len(passed) == len(expected) == 4
    passed.clear()
    parts, rows = tune(replace(params, micro_batch_tokens=160), trajectories=COPIES * 4)
    assert len(passed) == 4 * 4  # two of 80 tokens each
    assert max(passed) <= 160
    assert len(rows) == 4
    for row, wanted in zip(rows, expected, strict=True):
        assert row == pytest.approx(wanted, abs=1e-5)
    for one, other in zip(parts.parameters(), whole.parameters(), strict=True):
        assert torch.allclose(one, other, rtol=0, atol=1e-5)


def test_the_seed_decides_everything():
    params = WarmstartParams(epochs=2, batch_size=1)
    one, same, other = (tune(params, seed, COPIES * 4)[1] for seed in (0, 0, 1))
    assert one == same
    assert one != other


class Killed(RunFolder):
    """Ends the warm start right behind its second checkpoint."""

    def save(self, step, write, rows, keep_before=()):
        super().save(step, write, rows, keep_before)
        if step == 4:
            raise KeyboardInterrupt


@pytest.mark.parametrize("stage", [0, pytest.param(3, marks=pytest.mark.slow)])
def test_a_warm_start_that_ended_midway_goes_on_from_its_checkpoint(tmp_path, caplog, stage):
    params = WarmstartParams(
        epochs=3, batch_size=2, checkpoint_every=2, zero_stage=stage, learning_rate=1e-2
    )
    expected, rows = tune(params, trajectories=COPIES * 2)
    with Killed(tmp_path, {}, []) as folder, pytest.raises(KeyboardInterrupt):
        tune(params, trajectories=COPIES * 2, folder=folder)
    caplog.set_level(logging.INFO)
    with RunFolder(tmp_path, {}, []) as folder:
        policy, history = tune(params, trajectories=COPIES * 2, folder=folder)
        assert folder.last_step() == 6
    assert "resuming after batch 4 of 6" in caplog.text
    assert history == rows
    assert all(map(torch.equal, policy.parameters(), expected.parameters()))


def test_no_epochs_leave_the_policy_as_it_is():
    policy, history = tune(WarmstartParams(epochs=0.0))
    assert history == []
    pairs = zip(policy.parameters(), tiny.model(WORD).parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


@pytest.mark.slow
def test_after_the_warm_start_plain_generation_stops_behind_the_answer():
    """Wherever the policy is used: the model's own `generate`, which knows no tags, ends with the end of
    text.
    """
    policy = tiny.model(WORD)
    params = WarmstartParams(epochs=120, batch_size=2, learning_rate=5e-3)
    fine_tune(policy, COPIES, params, WORD.pad_token_id, 0)
    for copy in COPIES:
        context, written = copy.token_ids, copy.segments[-1].token_ids
        made = policy.eval().generate(
            torch.tensor([context[: -len(written)]]), do_sample=False, max_new_tokens=30
        )
        assert made[0].tolist() == context
        assert WORD.decode(made[0]).endswith("</answer> <|end|>")


@pytest.mark.parametrize(
    ("template", "first"),
    [
        (published.CHATML, "<think>  </think> <search> where was ada born </search>"),
        (published.THINKING, " </think> <search> where was ada born </search>"),
    ],
)
def test_within_a_chat_no_thought_is_opened_twice_and_the_answer_ends_the_turn(template, first):
    tokenizer = published.qwen(template)
    params = tiny.environment(
        chat_template=True, max_turn_tokens=80, max_observation_tokens=200, max_trajectory_tokens=1000
    )
    made = replay(tiny.turns(tiny.ADA), tiny.ADA, tiny.BY_ID.__getitem__, Renderer(tokenizer, params))
    written = [tokenizer.decode(s.token_ids) for s in made.segments if s.author is Author.POLICY]
    assert written == [
        first,
        "<think>  </think> <search> where lies oslo </search>",
        "<think>  </think> <answer> norway </answer><|im_end|>",
    ]
    assert [turn.action.kind for turn in made.turns] == ["search", "search", "answer"]
    assert all(turn.action.has_think for turn in made.turns)
    assert tokenizer.decode(made.token_ids).count("<think>") == 3
