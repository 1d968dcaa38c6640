"""GRPO with search in one file: a small model learns to search, without any abstraction of the algorithm.

    python examples/grpo_with_search.py            # minutes: it learns (docs/figures.md has how much)
    python examples/grpo_with_search.py --quick    # seconds: the same code, too little of it to learn

The library gives the world: questions, a corpus, BM25, a tokenizer, and the episode, which reads a turn and
appends what its search found. The method is below, in the order of a textbook:

    1. warm start   cross-entropy on imperfect trajectories, so that the model knows the tags at all
    2. rollout      all samples of a few questions at once; a turn ends with </search> or </answer>
    3. reward       F1 of the answer, if the trajectory searched and answered
    4. advantage    reward minus the mean of the question's samples, over their standard deviation: no critic
    5. update       PPO's clipped ratio and a KL to the start, on the tokens that the model wrote, no others

Shao et al., arXiv 2402.03300 (GRPO); Jin et al., arXiv 2503.09516 (what a search returned is masked). Losses
are means over all tokens of a minibatch, not first over each trajectory's, as with `train.algorithm: grpo`.
Shapes: B trajectories; N tokens that the model wrote in them, one trajectory after the other.
"""

from __future__ import annotations

import argparse
import copy
import random
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer
from tqdm import trange
from transformers import PreTrainedModel as Model

from stepsearch_core.base.types import ActionKind, Question, Trajectory
from stepsearch_core.benchmarks.sources import fetched_passages, read_questions
from stepsearch_core.data.corpus import Corpus, build_corpus
from stepsearch_core.environment.prompts import style_of
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.environment.search_environment import Episode
from stepsearch_core.learning.sft import replay
from stepsearch_core.metrics.answers import word_f1
from stepsearch_core.policy.models import build_model
from stepsearch_core.policy.tokenizers import train_tokenizer, training_texts
from stepsearch_core.profiles import read_profile
from stepsearch_core.retrieval.bm25 import BM25Index
from stepsearch_core.retrieval.retriever import CorpusRetriever
from stepsearch_core.synthesis.synthesize import mine_phrasings
from stepsearch_core.synthesis.warmstart import make_trajectories
from stepsearch_core.worlds import write_world

Batch = list[Trajectory]


@dataclass(frozen=True)
class Args:
    """Everything there is to turn."""

    profile: str = "tiny"  # of conf/: it says how large world and model are
    seed: int = 0
    warmstart_batches: int = 700
    warmstart_batch_size: int = 16
    warmstart_learning_rate: float = 2e-3
    steps: int = 60
    questions: int = 8  # of a step
    samples: int = 8  # of a question: the group
    temperature: float = 0.5
    minibatches: int = 2
    learning_rate: float = 2e-4
    clip_coef: float = 0.2
    kl_coef: float = 0.01
    max_grad_norm: float = 1.0
    test_questions: int = 250


QUICK = Args(profile="micro", warmstart_batches=20, steps=2, questions=4, samples=4, test_questions=8)


class World:
    """Questions of two hops, a retriever over their passages, a tokenizer of their words; all generated."""

    def __init__(self, args: Args, folder: Path) -> None:
        self.params = params = read_profile(args.profile, [f"seed={args.seed}"])
        write_world(params.fetch.world, folder)
        build_corpus(fetched_passages(params.corpus, folder), folder / "corpus")
        self.corpus = Corpus.open(folder / "corpus")
        (folder / "bm25").mkdir()
        bm25 = BM25Index.build(self.corpus, params.retrieval, folder / "bm25")
        self.retriever = CorpusRetriever(bm25, self.corpus)
        training = read_questions(folder, "musique", "train")
        self.train = [question for question in training if len(question.hops) == 2]
        self.test = read_questions(folder, "hotpotqa", "test")[: args.test_questions]
        style = style_of(params.environment)
        texts = [*style.vocabulary(), *training_texts(self.train, (), self.corpus)]
        self.tokenizer = train_tokenizer(texts, params.tokenizer, style.grammar.tags)
        self.renderer = Renderer(self.tokenizer, params.environment)
        self.pad: int = self.tokenizer.pad_token_id
        ends = ("</search>", "</answer>", self.tokenizer.eos_token)  # of a turn
        self.end_ids = [self.tokenizer.vocab[end] for end in ends]

    def demonstrations(self) -> list[Trajectory]:
        """Trajectories of an imperfect searcher, token by token as rollouts would have made them."""
        mined = mine_phrasings(self.train, self.corpus)
        asked = {question.id: question for question in self.train}
        how, limits, show = self.params.synthesize, self.params.environment, self.renderer.shown
        found = make_trajectories(
            self.train, mined, how, limits, retriever=self.retriever, show=show, seed=self.params.seed
        )
        return [
            replay(shown.turns, asked[shown.question_id], self.corpus.get, self.renderer) for shown in found
        ]


def token_log_probs(model: Model, batch: Batch, temperature: float) -> tuple[Tensor, Tensor]:
    """Log-probability of each token that the model wrote, and the trajectory that it is of: both [N]."""
    length = max(len(trajectory.token_ids) for trajectory in batch)
    ids = torch.zeros((len(batch), length), dtype=torch.long)  # on its right a trajectory is padded: unseen
    written = torch.zeros(ids.shape, dtype=torch.bool)
    for row, trajectory in enumerate(batch):
        ids[row, : len(trajectory.token_ids)] = torch.tensor(trajectory.token_ids)
        written[row, : len(trajectory.token_ids)] = torch.tensor(trajectory.policy_mask)
    rows, positions = written.nonzero(as_tuple=True)
    states = model.model(ids).last_hidden_state
    logits = model.lm_head(states[rows, positions - 1]) / temperature  # predicted by the token before
    return -cross_entropy(logits, ids[rows, positions], reduction="none"), rows


def step(model: Model, optimizer: Optimizer, loss: Tensor, args: Args) -> None:
    """One step of the optimizer."""
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), args.max_grad_norm)
    optimizer.step()


def warm_start(model: Model, world: World, args: Args) -> None:
    """Cross-entropy on what the demonstrations' searcher wrote; prompts and passages are context."""
    shown = sorted(world.demonstrations(), key=lambda trajectory: len(trajectory.token_ids))
    rate, size = args.warmstart_learning_rate, args.warmstart_batch_size
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, args.warmstart_batches, pct_start=0.1)
    for _ in trange(args.warmstart_batches, desc="warm start"):
        first = random.randrange(len(shown) - size)  # neighbours are alike in length
        log_probs, _ = token_log_probs(model, shown[first : first + size], 1.0)
        step(model, optimizer, -log_probs.mean(), args)
        schedule.step()


@torch.no_grad()
def next_turns(model: Model, contexts: list[list[int]], world: World, temperature: float) -> list[list[int]]:
    """What the model writes next in each context, to the end of a turn or its limit; 0 is greedy."""
    length = max(map(len, contexts))
    written = model.generate(  # type: ignore[operator]
        torch.tensor([[world.pad] * (length - len(context)) + context for context in contexts]),
        attention_mask=torch.tensor([[0] * (length - len(c)) + [1] * len(c) for c in contexts]),
        max_new_tokens=world.params.environment.max_turn_tokens,
        eos_token_id=world.end_ids,
        pad_token_id=world.pad,
        **({"do_sample": True, "temperature": temperature, "top_k": 0} if temperature else {}),
    )[:, length:].tolist()
    ends = [next((i + 1 for i, t in enumerate(row) if t in world.end_ids), len(row)) for row in written]
    return [row[:end] for row, end in zip(written, ends, strict=True)]


def rollout(model: Model, questions: list[Question], world: World, temperature: float) -> Batch:
    """One trajectory of each question, which may come several times."""
    episodes = [Episode(question, number, world.renderer) for number, question in enumerate(questions)]
    while waiting := [episode for episode in episodes if not episode.done]:
        contexts = [episode.trajectory.token_ids for episode in waiting]
        searching, queries = [], []
        for episode, ids in zip(waiting, next_turns(model, contexts, world, temperature), strict=True):
            action = episode.act(ids, None, world.renderer.decode(ids))
            if action.kind is ActionKind.SEARCH:
                searching.append(episode)
                queries.append(action.text)
            elif not episode.done:
                episode.observe(None)  # neither a search nor an answer: the environment says so
        found = world.retriever.search(queries, world.params.environment.passages_per_search)
        for episode, hits in zip(searching, found, strict=True):
            episode.observe([hit.passage for hit in hits])
    return [episode.trajectory for episode in episodes]


def reward(trajectory: Trajectory, question: Question) -> float:
    """F1 of the answer; 0 for an answer without any search, or none."""
    return word_f1(trajectory.answer, question.answers) if trajectory.searches else 0.0


def group_advantages(rewards: list[float], samples: int) -> Tensor:
    """How much better each sample was than the others of its question, in standard deviations: [B]."""
    groups = torch.tensor(rewards, dtype=torch.float32).view(-1, samples)
    mean, deviation = groups.mean(dim=1, keepdim=True), groups.std(dim=1, keepdim=True)
    return ((groups - mean) / (deviation + 1e-6)).flatten()  # equal rewards: 0, nothing to learn


def update(
    model: Model, reference: Model, optimizer: Optimizer, batch: Batch, advantages: Tensor, args: Args
) -> float:
    """One pass over the step's trajectories in minibatches; returns the mean KL to the start."""
    minibatches = torch.randperm(len(batch)).chunk(args.minibatches)
    members = [[batch[row] for row in rows] for rows in minibatches]
    with torch.no_grad():  # before the optimizer's first step changes the model
        old = [token_log_probs(model, part, args.temperature)[0] for part in members]
        start = [token_log_probs(reference, part, args.temperature)[0] for part in members]
    kls = []
    for number, rows in enumerate(minibatches):
        new, row_of = token_log_probs(model, members[number], args.temperature)
        advantage = advantages[rows][row_of]  # a trajectory's, on each of its tokens
        ratio = (new - old[number]).exp()
        clipped = ratio.clamp(1 - args.clip_coef, 1 + args.clip_coef)
        log_ratio = start[number] - new
        kl = log_ratio.exp() - 1 - log_ratio  # k3: unbiased and never below 0
        loss = -torch.minimum(ratio * advantage, clipped * advantage) + args.kl_coef * kl
        step(model, optimizer, loss.mean(), args)
        kls.append(kl.mean().item())
    return sum(kls) / len(kls)


def test(model: Model, world: World) -> float:
    """Mean F1 of greedy answers to questions that training never saw."""
    answered = rollout(model, world.test, world, temperature=0.0)
    return sum(map(reward, answered, world.test)) / len(world.test)


def main(args: Args) -> tuple[float, float]:
    """Warm start, then GRPO; prints as it goes, returns the F1 on the test questions before and after."""
    random.seed(args.seed)
    torch.manual_seed(args.seed)
    with tempfile.TemporaryDirectory() as folder:
        world = World(args, Path(folder))
        model = build_model(world.params.model, world.tokenizer)
        warm_start(model, world, args)
        before = test(model, world)
        print(f"warm start: F1 {before:.3f} on {len(world.test)} test questions")
        reference = copy.deepcopy(model)
        optimizer = torch.optim.AdamW(model.parameters(), lr=args.learning_rate, weight_decay=0.0)
        for number in range(1, args.steps + 1):
            drawn = random.sample(world.train, args.questions)
            questions = [question for question in drawn for _ in range(args.samples)]
            batch = rollout(model, questions, world, args.temperature)
            rewards = list(map(reward, batch, questions))
            advantages = group_advantages(rewards, args.samples)
            kl = update(model, reference, optimizer, batch, advantages, args)
            searches = sum(len(trajectory.searches) for trajectory in batch) / len(batch)
            earned = sum(rewards) / len(rewards)
            print(f"step {number:3}  reward {earned:.3f}  searches {searches:.2f}  kl {kl:.4f}", flush=True)
        after = test(model, world)
        print(f"after GRPO: F1 {after:.3f}")
        return before, after


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a run of seconds, which learns nothing")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    main(replace(QUICK if chosen.quick else Args(), seed=chosen.seed))
