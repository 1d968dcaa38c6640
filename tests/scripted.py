"""An engine that writes given texts: the i-th context opened writes script i."""

from stepsearch_core.policy.engine import Generation


class Scripted:
    """One session; `scripts[i]` is an iterable of the turns' texts of the i-th context opened."""

    def __init__(self, tokenizer, *scripts):
        self.tokenizer, self.scripts = tokenizer, iter(scripts)
        self.turns, self.asked = {}, set()

    def session(self, slots, capacity):
        return self

    def open(self, slot, stream):
        self.turns[slot] = iter(next(self.scripts))

    def submit(self, slot, request):
        self.asked.add(slot)

    def close(self, slot):
        assert slot not in self.asked

    def step(self):
        asked, self.asked = self.asked, set()
        return {slot: self.generation(next(self.turns[slot])) for slot in sorted(asked)}

    def generation(self, text):
        ids = self.tokenizer.encode(text, add_special_tokens=False)
        return Generation(ids, [-1.0] * len(ids), text)
