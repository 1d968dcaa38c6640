import numpy as np
import pytest
import torch

from stepsearch_core.base.types import RewardBreakdown, StepReward
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.learning.sft import replay
from stepsearch_core.params import TrainParams
from stepsearch_core.training.learner import Learner
from stepsearch_core.training.likelihood_gain import LikelihoodGain
from tests import tiny

WORD = tiny.tokenizer()
RENDERER = Renderer(WORD, tiny.ENVIRONMENT)


@pytest.fixture(scope="module")
def gain():
    learner = Learner(tiny.model(WORD, sharpness=3.0), TrainParams(micro_batch_tokens=150), has_critic=False)
    return LikelihoodGain(learner, RENDERER, {"ada": tiny.ADA, "bob": tiny.BOB}, 0.7, WORD.pad_token_id)


def episode(asked):
    return replay(tiny.turns(asked), asked, tiny.BY_ID.__getitem__, RENDERER)


def breakdown(made):
    searches = [number for number, turn in enumerate(made.turns) if turn.passage_ids]
    return RewardBreakdown(1.0, 0.5, tuple(StepReward(turn, 0.3, 0.1) for turn in searches), True)


def test_gains_are_drops_of_the_answer_s_surprise_by_full_passes(gain):
    made = [episode(tiny.ADA), episode(tiny.BOB)]
    scored = gain(made, [breakdown(trajectory) for trajectory in made])
    policy = gain.learner.policy
    for trajectory, asked, rewards in zip(made, (tiny.ADA, tiny.BOB), scored, strict=True):
        likelihoods = []
        for last in (-1, 0, 1):  # before the first search, after it, after the second
            shown = 2 if last >= 0 else 0
            turn = RENDERER.style.grammar.answer_turn("", asked.answers[0], shown)
            before, tag, answer = turn.partition("<answer>")
            context = [
                token
                for segment in trajectory.segments
                if segment.turn <= last or segment is trajectory.segments[0]
                for token in segment.token_ids
            ]
            context += RENDERER.encode(before + tag)
            ids = RENDERER.encode(answer)
            log_probs = tiny.full_log_probs(policy, [*context, *ids], 0.7)
            of_answer = [log_probs[len(context) + n - 1, token].item() for n, token in enumerate(ids)]
            likelihoods.append(np.mean(of_answer))
        gains = [reward.information_gain for reward in rewards.step_rewards]
        assert gains == pytest.approx(np.diff(likelihoods).tolist(), abs=1e-4)
        assert max(map(abs, gains)) > 1e-3


def test_everything_else_of_the_reward_stays(gain):
    made = episode(tiny.ADA)
    before = breakdown(made)
    (after,) = gain([made], [before])
    assert (after.answer, after.search_key, after.format_ok) == (1.0, 0.5, True)
    assert [step.redundancy for step in after.step_rewards] == [0.1, 0.1]
    assert [step.turn for step in after.step_rewards] == [step.turn for step in before.step_rewards]
    assert not torch.is_grad_enabled() or gain.learner.policy.get_input_embeddings().weight.grad is None
