"""The smallest real parts that episodes can be played with: a tokenizer, a model, a corpus searched by BM25.

Torch is imported only where a model is made, so that tests of the environment run without it.
"""

from dataclasses import replace
from functools import partial

import numpy as np

from stepsearch_core.base.streams import Name, stream
from stepsearch_core.base.text import passage_id
from stepsearch_core.base.types import Author, Hop, Passage, Question, Segment, Trajectory
from stepsearch_core.data.corpus import Corpus, build_corpus
from stepsearch_core.environment.prompts import STYLES
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.params import (
    EnvironmentParams,
    ModelParams,
    RetrievalParams,
    TokenizerParams,
    WarmstartParams,
)
from stepsearch_core.policy.tokenizers import train_tokenizer
from stepsearch_core.retrieval.bm25 import BM25Index
from stepsearch_core.retrieval.retriever import CorpusRetriever
from stepsearch_core.synthesis.trajectories import AnswerTurn, SearchTurn, WarmstartTurn

TEXTS = [
    "ada was born in oslo .",
    "bob was born in rome .",
    "oslo lies in norway .",
    "rome lies in italy .",
    "cid plays chess .",
    "dora plays chess in oslo .",
]
PASSAGES = [Passage(passage_id("", text), "", text) for text in TEXTS]
BY_ID = {passage.id: passage for passage in PASSAGES}
ENVIRONMENT = EnvironmentParams(
    max_searches=2,
    passages_per_search=2,
    max_turn_tokens=12,
    max_observation_tokens=24,
    max_trajectory_tokens=128,
)
MODEL = ModelParams(
    hidden_size=32, layers=2, heads=4, key_value_heads=2, intermediate_size=48, max_positions=256
)


def question(name: str, city: str, country: str) -> Question:
    """A question of two hops, "in which country was NAME born?"."""
    born = passage_id("", f"{name} was born in {city} .")
    lies = passage_id("", f"{city} lies in {country} .")
    hops = (
        Hop(f"where was {name} born", city, (born,), (f"{name} born",)),
        Hop(f"where lies {city}", country, (lies,), (f"{city} lies",)),
    )
    return Question(name, "musique", "dev", f"where lies the birthplace of {name}", (country,), hops)


ADA, BOB = question("ada", "oslo", "norway"), question("bob", "rome", "italy")


def tokenizer(kind: str = "word", vocab_size: int = 190, prompt: str = "minimal"):
    """Trained on the passages, the questions and what the environment says; byte-level ones begin at 256."""
    style = STYLES[prompt]
    texts = [*TEXTS, *style.vocabulary(), ADA.question, BOB.question, "where unknown"]
    params = TokenizerParams(kind, vocab_size if kind == "word" else 280)
    return train_tokenizer(texts, params, style.grammar.tags)


def model(tokenizer, seed: int = 0, sharpness: float = 1.0):
    """A random model; `sharpness` scales its embeddings, and so how far its logits lie apart."""
    import torch

    from stepsearch_core.policy.models import build_model

    torch.manual_seed(seed)
    made = build_model(MODEL, tokenizer)
    with torch.no_grad():
        next(made.get_input_embeddings().parameters()).mul_(sharpness)
    return made.eval()


def retriever(folder) -> CorpusRetriever:
    """BM25 over the passages, built in `folder`."""
    build_corpus(PASSAGES, folder / "corpus")
    corpus = Corpus.open(folder / "corpus")
    (folder / "bm25").mkdir()
    return CorpusRetriever(BM25Index.build(corpus, RetrievalParams(), folder / "bm25"), corpus)


def streams(step: int):
    """The random streams of a training step's trajectories, by their number."""
    return partial(stream, 0, Name.TRAJECTORIES, step)


def environment(**changes) -> EnvironmentParams:
    """`ENVIRONMENT` with changes."""
    return replace(ENVIRONMENT, **changes)


def turns(asked: Question) -> tuple[WarmstartTurn, ...]:
    """The turns of a searcher that asks the gold sub-questions and finds what BM25 finds."""
    others = [passage.id for passage in PASSAGES]
    searches = [
        SearchTurn("", hop.sub_question, (*hop.support_ids, others[4 + number]))
        for number, hop in enumerate(asked.hops)
    ]
    return (*searches, AnswerTurn("", asked.answers[0]))


def searcher(tokenizer, epochs: float = 80):
    """A model that has half learnt to search: of what it samples, some is valid and some is not."""
    from stepsearch_core.learning.sft import fine_tune, replay

    renderer = Renderer(tokenizer, ENVIRONMENT)
    shown = [replay(turns(asked), asked, BY_ID.__getitem__, renderer) for asked in (ADA, BOB)]
    policy = model(tokenizer)
    params = WarmstartParams(epochs=epochs, batch_size=2, learning_rate=5e-3)
    fine_tune(policy, shown, params, tokenizer.pad_token_id, 0)
    return policy.eval()


def random_trajectories(tokenizer, count: int, seed: int = 0) -> list[Trajectory]:
    """Trajectories of one to three turns with random tokens, of very different lengths."""
    draw = np.random.default_rng(seed)

    def tokens(longest: int) -> list[int]:
        return draw.integers(3, len(tokenizer), size=draw.integers(1, longest)).tolist()

    made = []
    for number in range(count):
        segments = [Segment(Author.PROMPT, 0, tokens(20))]
        for turn in range(1 + number % 3):
            written = tokens(9)
            segments.append(Segment(Author.POLICY, turn, written, draw.normal(-2, 1, len(written)).tolist()))
            segments.append(Segment(Author.ENVIRONMENT, turn, tokens(25)))
        made.append(Trajectory(f"q{number}", 0, segments[:-1]))
    return made


def plain_log_probs(model, trajectory: Trajectory, temperature: float = 1.0):
    """Log-probabilities of the policy's tokens by one full forward pass over the unpadded trajectory."""
    import torch

    ids = trajectory.token_ids
    log_probs = torch.log_softmax(model(torch.tensor([ids])).logits[0] / temperature, dim=-1)
    written = [position for position, policy in enumerate(trajectory.policy_mask) if policy]
    return torch.stack([log_probs[position - 1, ids[position]] for position in written])


def full_log_probs(policy, context: list[int], temperature: float = 1.0):
    """[len(context), vocabulary] by one plain forward pass, without any cache."""
    import torch

    with torch.no_grad():
        return torch.log_softmax(policy(torch.tensor([context])).logits[0].float() / temperature, dim=-1)
