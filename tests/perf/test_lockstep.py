import pytest

from perf.lockstep import of_engine, play
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.params import RolloutParams
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.sampling.transformers_engine import TransformersEngine
from tests import tiny


class Counted(TransformersEngine):
    """Counts sessions."""

    sessions = 0

    def session(self, slots, capacity):
        self.sessions += 1
        return super().session(slots, capacity)


@pytest.mark.slow
@pytest.mark.parametrize(("keeps_cache", "sessions"), [(True, 2), (False, None)])
def test_in_lock_step_an_engine_makes_the_trajectories_that_the_loop_makes(tmp_path, keeps_cache, sessions):
    word = tiny.tokenizer()
    retriever, model = tiny.retriever(tmp_path), tiny.searcher(word)
    renderer = Renderer(word, tiny.ENVIRONMENT)
    questions = [tiny.ADA, tiny.BOB, tiny.ADA]
    engine = Counted(model, word)
    ours = Rollout(engine, retriever, renderer, RolloutParams(batch_size=2)).greedy(questions)
    engine.sessions = 0
    write = of_engine(engine, tiny.ENVIRONMENT.max_trajectory_tokens, keeps_cache)
    made = play(retriever, renderer, questions, 2, write)
    assert [one.token_ids for one in made] == [one.token_ids for one in ours]
    assert any(one.searches for one in made)
    turns = [len(one.turns) for one in made]
    assert engine.sessions == (sessions or max(turns[:2]) + turns[2])
