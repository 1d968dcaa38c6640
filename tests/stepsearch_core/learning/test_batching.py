import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.base.types import Author, Segment, Trajectory
from stepsearch_core.learning.batching import (
    LENGTH_STRIDE,
    PASS_TOKENS,
    length_groups,
    micro_batches,
    token_batch,
)

PAD = 0
LENGTHS = st.lists(
    st.tuples(st.integers(1, 30), st.integers(1, 9), st.integers(0, 20)), min_size=1, max_size=4
)


@st.composite
def trajectories(draw):
    """One to five trajectories whose tokens are all different, 1, 2, ..."""
    made = []
    number = 1
    for _ in range(draw(st.integers(1, 5))):
        segments = []
        for turn, lengths in enumerate(draw(LENGTHS)):
            for author, length in zip(
                (Author.PROMPT, Author.POLICY, Author.ENVIRONMENT), lengths, strict=True
            ):
                if author is not Author.PROMPT or turn == 0:
                    segments.append(Segment(author, turn, list(range(number, number + length))))
                    number += length
        made.append(Trajectory("q", 0, segments))
    return made


@given(trajectories())
def test_a_batch_against_a_slow_loop(made):
    batch = token_batch(made, PAD)
    rows, positions, targets = [], [], []
    for row, trajectory in enumerate(made):
        position = 0
        for segment in trajectory.segments:
            for token in segment.token_ids:
                assert batch.input_ids[row, position] == token
                if segment.author is Author.POLICY:
                    rows.append(row)
                    positions.append(position)
                    targets.append(token)
                position += 1
        assert (batch.input_ids[row, position:] == PAD).all()
    assert batch.rows.tolist() == rows
    assert batch.positions.tolist() == positions
    assert batch.targets.tolist() == targets
    length = batch.input_ids.shape[1]
    longest = max(len(trajectory.token_ids) for trajectory in made)
    assert length % LENGTH_STRIDE == 0
    assert longest <= length < longest + LENGTH_STRIDE
    before = batch.input_ids[batch.predictors]
    assert (before == batch.targets - 1).all()  # tokens are numbered, so the one before is one less


@given(trajectories(), st.integers(1, 4))
def test_groups_are_a_partition_in_the_order_of_length(made, size):
    groups = length_groups(made, size)
    assert sorted(index for group in groups for index in group) == list(range(len(made)))
    assert all(len(group) == size for group in groups[:-1])
    lengths = [len(made[index].token_ids) for group in groups for index in group]
    assert lengths == sorted(lengths)


def lengths_as_trajectories(lengths):
    return [Trajectory("q", 0, [Segment(Author.POLICY, 0, [1] * length)]) for length in lengths]


def padded(length):
    return -(-length // LENGTH_STRIDE) * LENGTH_STRIDE


def cost_of(batches, lengths):
    return sum(len(batch) * max(padded(lengths[i]) for i in batch) + PASS_TOKENS for batch in batches)


def every_cut(order):
    """All ways to cut a list into consecutive parts."""
    if not order:
        yield []
    for size in range(1, len(order) + 1):
        for rest in every_cut(order[size:]):
            yield [order[:size], *rest]


@given(st.lists(st.integers(1, 200), min_size=1, max_size=8), st.integers(1, 600), st.integers(1, 3))
def test_micro_batches_hold_their_tokens_and_no_other_cuts_cost_less(lengths, tokens, ranks):
    batches = micro_batches(lengths_as_trajectories(lengths), tokens, ranks)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))

    def fits(batch):
        rows = -(-len(batch) // ranks)
        return rows == 1 or rows * max(padded(lengths[i]) for i in batch) <= tokens

    assert all(map(fits, batches))
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    assert cost_of(batches, lengths) == min(
        cost_of(cuts, lengths) for cuts in every_cut(order) if all(map(fits, cuts))
    )


def test_micro_batches_by_hand():
    # 16, 16 and 32 tokens together: 3 * 32 + 64 = 160; apart from the 160-token one, which would widen them
    # to 160
    made = lengths_as_trajectories([160, 10, 32, 16])
    assert micro_batches(made, 1000) == [[1, 3, 2], [0]]
    assert micro_batches(made, 64) == [[1, 3], [2], [0]]


def test_ids_are_what_torch_wants():
    made = Trajectory("q", 0, [Segment(Author.PROMPT, 0, [4]), Segment(Author.POLICY, 0, [5])])
    assert token_batch([made], PAD).input_ids.dtype == np.int64
