"""Trainers of a tiny policy that has roughly learnt the format."""

import copy
from dataclasses import replace

import torch

from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.params import RewardParams, RolloutParams, TrainParams
from stepsearch_core.retrieval.similarity import TfidfSimilarity
from stepsearch_core.rewards.breakdown import Scorer
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.sampling.transformers_engine import TransformersEngine
from stepsearch_core.training.knowledge import Knowledge
from stepsearch_core.training.trainer import Trainer
from tests import tiny

WORD = tiny.tokenizer()
QUESTIONS = [
    replace(asked, id=f"{asked.id}{number}") for number in range(4) for asked in (tiny.ADA, tiny.BOB)
]
PARAMS = TrainParams(
    steps=5,
    questions_per_step=4,
    samples_per_question=2,
    minibatches=2,
    micro_batch_tokens=240,
    critic_warmup_steps=1,
    checkpoint_every=2,
    validate_every=2,
)


def trainer(warm, retriever, params=PARAMS, reward=None, seed=0, likelihood_gains=False, terms=None):
    torch.manual_seed(seed)
    policy = copy.deepcopy(warm)
    renderer = Renderer(WORD, tiny.ENVIRONMENT)
    rollout = Rollout(
        TransformersEngine(policy, WORD),
        retriever,
        renderer,
        RolloutParams(batch_size=8, retrieval_attempts=1),
    )
    similarity = TfidfSimilarity.fit(tiny.PASSAGES)
    scorer = Scorer(similarity, {question.id: question for question in QUESTIONS}, terms=terms)
    reward = reward or RewardParams()
    knowledge = None
    if params.critic == "informed":
        knowledge = Knowledge(scorer, tiny.BY_ID.__getitem__, tiny.ENVIRONMENT.max_searches)
    return Trainer(
        policy=policy,
        rollout=rollout,
        questions=QUESTIONS,
        scorer=scorer,
        params=params,
        importance_sampled=params.importance_sampling == "always",
        likelihood_gains=likelihood_gains,
        reward=reward,
        knowledge=knowledge,
        pad_token_id=WORD.pad_token_id,
        longest=tiny.ENVIRONMENT.most_written,
        seed=seed,
    )


def with_other_weights(made, scale):
    """The trainer, with a sampler that has other weights than it trains."""
    made.rollout.engine.model = copy.deepcopy(made.learner.policy)
    with torch.no_grad():
        made.rollout.engine.model.get_input_embeddings().weight.mul_(scale)
    return made


def weights(made):
    """All weights that are trained, in one row."""
    return torch.cat(
        [parameter.detach().flatten() for parameter in made.learner.actor.engine.module.parameters()]
    )


def somewhat_off(warm, retriever, algorithm):
    """A trainer whose sampler has other weights; of each step some trajectories are within the limit."""
    params = replace(PARAMS, algorithm=algorithm, max_mismatch=0.065, learning_rate=1e-12)
    return with_other_weights(trainer(warm, retriever, params), 1.1)
