"""An engine that is watched."""


class Recording:
    """An engine that notes what its sessions are asked for and what they give back."""

    def __init__(self, engine):
        self.engine, self.requests, self.generations = engine, [], []
        self.in_place, self.update, self.sleep = engine.in_place, engine.update, engine.sleep
        self.shared_by, self.played = engine.shared_by, engine.played

    def session(self, slots, capacity):
        session = self.engine.session(slots, capacity)
        submit = session.submit
        advance = session.advance

        def submitting(slot, request):
            self.requests.append(request)
            submit(slot, request)

        def advancing():
            ended = advance()
            self.generations += ended.values()
            return ended

        session.submit = submitting
        session.advance = advancing
        return session
