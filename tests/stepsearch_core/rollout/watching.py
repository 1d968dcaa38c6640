"""An engine that plays scripts and keeps every context as the policy has seen and written it."""

from stepsearch_core.sampling.scripted_engine import ScriptedEngine


class Watching:
    """See `ScriptedEngine`; `contexts` holds the ids of each context that was opened, in order."""

    def __init__(self, renderer, scripts):
        self._engine = ScriptedEngine(renderer, scripts)
        self.contexts = []
        self.played = self._engine.played

    def session(self, slots, capacity):
        return _Session(self._engine.session(slots, capacity), capacity, self.contexts)


class _Session:
    def __init__(self, session, capacity, contexts):
        self._session, self._capacity, self._contexts = session, capacity, contexts
        self._at = {}
        self.close = session.close

    def open(self, slot, stream, temperature=None):
        self._session.open(slot, stream, temperature)
        self._at[slot] = []
        self._contexts.append(self._at[slot])

    def submit(self, slot, request):
        self._at[slot] += request.new_tokens
        assert request.new_tokens
        assert request.max_new_tokens >= 1
        assert len(self._at[slot]) + request.max_new_tokens <= self._capacity
        self._session.submit(slot, request)

    def advance(self):
        made = self._session.advance()
        for slot, generation in made.items():
            self._at[slot] += generation.token_ids
        return made
