"""A service in a thread of the test that speaks as OpenAI's does, with replies of the test's own."""

import json

from tests.services import Service

JSON = {"Content-Type": "application/json"}


def completion(text, finish_reason="stop", refusal=None):
    """A completion whose message is `text`."""
    message = {"role": "assistant", "content": text, "refusal": refusal}
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    usage = {"prompt_tokens": 30, "completion_tokens": 5, "total_tokens": 35}
    whole = {"id": "c", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
    whole["usage"] = usage
    return 200, JSON, whole


def models(*names):
    """A list of models."""
    listed = [{"id": name, "object": "model", "created": 0, "owned_by": "test"} for name in names]
    return 200, JSON, {"object": "list", "data": listed}


class Chat(Service):
    """Replies to a chat by `reply(messages)`: a text, or a whole answer; it has the model `m`."""

    def __init__(self, reply, script=(), port=0):
        def answer(path, body):
            if path.endswith("/models"):
                return models("m")
            made = reply(body["messages"])
            return completion(made) if isinstance(made, str) else made

        super().__init__(answer, script, port)
        self.url += "/v1"

    @property
    def chats(self):
        """What was asked: (told, asked) of every request."""
        bodies = [body for path, body in self.asked if path.endswith("/chat/completions")]
        return [tuple(message["content"] for message in body["messages"]) for body in bodies]


def scores(each):
    """A judge's reply that gives every turn of its question the same."""
    return lambda messages: json.dumps({"scores": [each] * len(json.loads(messages[1]["content"])["turns"])})
