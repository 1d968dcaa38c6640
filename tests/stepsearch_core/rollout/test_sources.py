import queue
import threading
import time

import numpy as np
import pytest

from stepsearch_core.base.types import StopReason
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.environment.search_environment import Episode
from stepsearch_core.rollout.sources import Arrivals, FullError, Listed
from tests import tiny

RENDERER = Renderer(tiny.tokenizer(), tiny.ENVIRONMENT)


def episode():
    return Episode(tiny.ADA, 0, RENDERER)


def arrivals(limit=2):
    ended = []
    return Arrivals(limit, ended.append), ended


def test_a_list_gives_its_episodes_in_order_but_those_that_are_done():
    first, done, last = episode(), episode(), episode()
    done.fail(StopReason.ENGINE_FAILED)
    streams = [np.random.default_rng(number) for number in range(3)]
    listed = Listed([first, done, last], streams)
    assert len(listed) == 2
    taken = [listed.take(wait=True) for _ in range(3)]
    assert [(entry.episode, entry.stream) for entry in taken[:2]] == [
        (first, streams[0]),
        (last, streams[2]),
    ]
    assert taken[2] is None


def test_who_arrives_first_is_played_first_and_the_queue_has_an_end():
    source, _ = arrivals(limit=2)
    entries = [source.put(episode()) for _ in range(2)]
    with pytest.raises(FullError, match="0 have a slot and 2 wait already"):
        source.put(episode())
    assert [source.take(wait=False) for _ in range(3)] == [*entries, None]
    assert (source.waiting, source.playing) == (0, 2)
    with pytest.raises(FullError, match="2 have a slot and 0 wait already"):
        source.put(episode())
    source.ended(entries[0])
    source.put(episode())  # there is room again


def test_taking_waits_for_an_arrival_or_for_the_end():
    source, _ = arrivals()
    taken = queue.SimpleQueue()

    def take():
        for _ in range(2):
            taken.put(source.take(wait=True))

    threading.Thread(target=take, daemon=True).start()
    time.sleep(0.05)
    assert taken.empty()
    entry = source.put(episode())
    assert taken.get(timeout=10) is entry
    source.close()
    assert taken.get(timeout=10) is None


def test_whoever_is_given_up_while_it_waits_ends_at_once_and_the_rollout_is_told():
    source, ended = arrivals()
    told = []
    source.changed = lambda: told.append("changed")
    entry, other = source.put(episode()), source.put(episode())
    source.give_up(entry)
    assert entry.episode.trajectory.stop_reason is StopReason.GIVEN_UP
    assert (ended, source.waiting, len(told)) == ([entry], 1, 3)
    assert source.take(wait=True) is other


def test_whoever_is_given_up_with_a_slot_is_left_to_the_one_who_plays():
    source, ended = arrivals()
    entry = source.put(episode())
    source.take(wait=True)
    source.give_up(entry)
    assert entry.given_up
    assert not entry.episode.done
    source.ended(entry)
    source.give_up(entry)  # too late: nothing changes
    assert (ended, source.playing) == ([entry], 0)


def test_after_the_end_nobody_is_let_in_and_who_waits_is_told():
    source, ended = arrivals()
    playing, waiting = source.put(episode()), source.put(episode())
    source.take(wait=True)
    source.close()
    assert playing.given_up
    assert ended == [waiting]
    with pytest.raises(FullError):
        source.put(episode())


def test_where_whoever_played_has_broken_down_those_with_a_slot_end_and_others_wait():
    source, ended = arrivals()
    playing, waiting = source.put(episode()), source.put(episode())
    source.take(wait=True)
    source.fail()
    assert ended == [playing]
    assert playing.episode.trajectory.stop_reason is StopReason.ENGINE_FAILED
    assert source.take(wait=True) is waiting
