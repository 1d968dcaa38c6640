"""Questions of the generated world: chains of 2-4 facts, branches that join two chains, and the split.

A share of the people, works and organisations is held out. Training questions have no held-out entity
anywhere, every test question starts from held-out entities only, and no fact that a test question asks for
is asked for in training.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice, product

from stepsearch_core.base.streams import Name, draws
from stepsearch_core.base.text import resolve_references
from stepsearch_core.params import WorldParams
from stepsearch_core.worlds.facts import Entity, Fact, World, shuffled
from stepsearch_core.worlds.relations import Kind
from stepsearch_core.worlds.wording import (
    BRANCH_PATTERNS,
    CHAIN_PATTERNS,
    LONG_STYLES,
    TWO_HOP_STYLES,
    nested,
)

HELD_OUT_SHARE = 0.35
STARTING_KINDS = (Kind.WORK, Kind.PERSON, Kind.ORGANISATION)
BRANCH_SHARE = 0.18  # of the questions of three and of four hops
HOPS = (2, 3, 4)
HOP_SHARES = {
    "musique": None,  # `fetch.world.hop_shares`, and so for training
    "hotpotqa": (1.0, 0.0, 0.0),
    "2wikimultihopqa": (0.70, 0.20, 0.10),
    "bamboogle": (1.0, 0.0, 0.0),
}
"""Of questions of 2, 3 and 4 hops."""

Chain = tuple[Fact, ...]
Told = tuple[str, frozenset[Entity]]
"""A relation and whom it joins: a marriage told from either side is one."""


@dataclass(frozen=True, slots=True)
class Structure:
    """What kind of question: MuSiQue's prefix of ids, its number of hops, whether two chains join."""

    prefix: str
    hops: int
    branch: bool = False


STRUCTURES = (
    Structure("2hop", 2),
    Structure("3hop1", 3),
    Structure("3hop2", 3, branch=True),
    Structure("4hop1", 4),
    Structure("4hop3", 4, branch=True),
)


@dataclass(frozen=True, slots=True)
class WorldQuestion:
    """A question with its facts in the order of the hops and its templated sub-questions, one a fact."""

    structure: Structure
    text: str
    facts: Chain
    sub_questions: tuple[str, ...]

    @property
    def answer(self) -> str:
        """The answer, by the name that the last passage uses."""
        return self.facts[-1].mention

    @property
    def answer_aliases(self) -> list[str]:
        """The answer's other names."""
        return [form for form in self.facts[-1].object.surface_forms if form != self.answer]

    @property
    def resolved_sub_questions(self) -> list[str]:
        """The sub-questions with the answers of earlier hops in place of `#1`, `#2`."""
        answers = [fact.mention for fact in self.facts]
        return [resolve_references(text, answers[:hop]) for hop, text in enumerate(self.sub_questions)]


@dataclass(frozen=True, slots=True)
class Split:
    """Training questions, and test questions by benchmark; no chain occurs twice."""

    train: list[WorldQuestion]
    test: dict[str, list[WorldQuestion]]
    held_out: frozenset[Entity]


def make_questions(world: World, params: WorldParams) -> Split:
    """Draw the questions of both splits.

    Raises:
        ValueError: the world holds fewer chains of some structure than the questions asked for need.
    """
    random_ = draws(params.seed, Name.QUESTIONS)
    held_out = _held_out(world, random_)
    starts = [entity for kind in STARTING_KINDS for entity in world.entities[kind]]
    test_pool = ChainPool(world, [entity for entity in starts if entity in held_out], random_)
    test = {
        benchmark: _draw(
            test_pool, structure_counts(benchmark, params.test_questions, params), (benchmark,), random_
        )
        for benchmark in HOP_SHARES
    }
    asked = (fact for questions in test.values() for question in questions for fact in question.facts)
    tested = frozenset(map(_told, asked))
    train_starts = [entity for entity in starts if entity not in held_out]
    train_pool = ChainPool(world, train_starts, random_, held_out, tested)
    counts = structure_counts("musique", params.train_questions, params)
    train = _draw(train_pool, counts, tuple(CHAIN_PATTERNS), random_)
    return Split(train, test, held_out)


def _held_out(world: World, random_: random.Random) -> frozenset[Entity]:
    held_out: set[Entity] = set()
    for kind in STARTING_KINDS:
        entities = world.entities[kind]
        held_out.update(random_.sample(entities, round(HELD_OUT_SHARE * len(entities))))
    return frozenset(held_out)


def _told(fact: Fact) -> Told:
    return fact.relation.name, frozenset((*fact.subjects, fact.object))


class ChainPool:
    """Every chain and branch from the given starts, each once, in random order."""

    def __init__(
        self,
        world: World,
        starts: list[Entity],
        random_: random.Random,
        held_out: frozenset[Entity] = frozenset(),
        tested: frozenset[Told] = frozenset(),
    ) -> None:
        """Find them; none meets an entity of `held_out` or tells what is in `tested`."""
        self._world = world
        self._held_out, self._tested = held_out, tested
        by_length: dict[int, list[Chain]] = {
            1: [chain for start in starts for chain in self._extended(start, ())]
        }
        for length in (2, 3, 4):
            by_length[length] = [
                longer
                for chain in by_length[length - 1]
                for longer in self._extended(chain[-1].object, chain)
            ]
        chains = {
            structure.prefix: (
                self._branches(by_length[structure.hops - 2], by_length[1])
                if structure.branch
                else by_length[structure.hops]
            )
            for structure in STRUCTURES
        }
        self._left = {prefix: iter(shuffled(found, random_)) for prefix, found in chains.items()}

    def take(self, structure: Structure, count: int) -> list[Chain]:
        """The next `count` chains.

        Raises:
            ValueError: fewer are left.
        """
        taken = list(islice(self._left[structure.prefix], count))
        if len(taken) < count:
            raise ValueError(
                f"fetch.world: too small: {count} {structure.prefix} questions were asked for and"
                f" {len(taken)} chains are left; ask for fewer questions or more people, works,"
                " organisations and cities"
            )
        return taken

    def _extended(self, subject: Entity, chain: Chain) -> Iterable[Chain]:
        """The chain with each fact about `subject` that leads to an entity not met before."""
        met = {chain[0].subjects[0], *(fact.object for fact in chain)} if chain else {subject}
        for fact in self._world.facts_of[subject]:
            if not (fact.object in met or fact.object in self._held_out or _told(fact) in self._tested):
                yield (*chain, fact)

    def _branches(self, left: list[Chain], right: list[Chain]) -> list[Chain]:
        """Two chains that share no entity and end at the two cities of a join, then the join."""
        lefts, rights = _by_end(left), _by_end(right)
        branches: dict[frozenset[int], Chain] = {}
        for join in self._world.joins:
            if _told(join) in self._tested:
                continue
            for first, second in (join.subjects, join.subjects[::-1]):
                for chain, side in product(lefts[first], rights[second]):
                    if not _entities(chain) & _entities(side):
                        facts = frozenset(fact.id for fact in chain + side)
                        branches.setdefault(facts, (*chain, *side, join))
        return list(branches.values())


def _by_end(chains: list[Chain]) -> dict[Entity, list[Chain]]:
    ends: dict[Entity, list[Chain]] = defaultdict(list)
    for chain in chains:
        ends[chain[-1].object].append(chain)
    return ends


def _entities(chain: Chain) -> set[Entity]:
    return {entity for fact in chain for entity in (*fact.subjects, fact.object)}


def structure_counts(benchmark: str, count: int, params: WorldParams) -> dict[Structure, int]:
    """How many of `count` questions are of each structure; only MuSiQue has some that join two chains.

    What rounding leaves over goes to the shortest there are; where it gave too many, the most lose them.
    """
    shares = dict(zip(HOPS, HOP_SHARES[benchmark] or params.hop_shares, strict=True))
    branching = BRANCH_SHARE if benchmark == "musique" else 0.0
    counts = {}
    for structure in STRUCTURES:
        joining = branching if structure.hops > 2 else 0.0
        kind = joining if structure.branch else 1 - joining
        counts[structure] = round(count * shares[structure.hops] * kind)
    shortest = next(structure for structure in STRUCTURES if shares[structure.hops])
    left = count - sum(counts.values())
    counts[shortest if left > 0 else max(counts, key=counts.__getitem__)] += left
    return counts


def _draw(
    pool: ChainPool, counts: dict[Structure, int], styles: tuple[str, ...], random_: random.Random
) -> list[WorldQuestion]:
    """So many questions of each structure, worded in the styles in turn."""
    questions = []
    for structure, number in counts.items():
        for i, facts in enumerate(pool.take(structure, number)):
            questions.append(
                _branch(structure, facts, i) if structure.branch else _chain(structure, facts, styles, i)
            )
    return shuffled(questions, random_)


def _chain(structure: Structure, facts: Chain, styles: tuple[str, ...], number: int) -> WorldQuestion:
    fitting = TWO_HOP_STYLES if structure.hops == 2 else LONG_STYLES
    patterns = [pattern for style in styles if style in fitting for pattern in CHAIN_PATTERNS[style]]
    start = facts[0].subjects[0]
    relations = [fact.relation for fact in facts]
    text = patterns[number % len(patterns)](start, relations)
    return WorldQuestion(structure, text, facts, _chain_sub_questions(facts, 0))


def _branch(structure: Structure, facts: Chain, number: int) -> WorldQuestion:
    left, right, join = facts[:-2], facts[-2:-1], facts[-1]
    ends = [nested(side[0].subjects[0].name, [fact.relation for fact in side]) for side in (left, right)]
    text = BRANCH_PATTERNS[number % len(BRANCH_PATTERNS)](*ends)
    last = f"#{len(left)} and #{len(left) + 1} >> {join.relation.name}"
    sub_questions = (*_chain_sub_questions(left, 0), *_chain_sub_questions(right, len(left)), last)
    return WorldQuestion(structure, text, facts, sub_questions)


def _chain_sub_questions(facts: Chain, hops_before: int) -> tuple[str, ...]:
    """`START >> author`, then `#1 >> spouse`, ...; references count from the question's first hop."""
    first = f"{facts[0].subjects[0].name} >> {facts[0].relation.name}"
    rest = (f"#{hops_before + hop} >> {fact.relation.name}" for hop, fact in enumerate(facts[1:], start=1))
    return (first, *rest)
