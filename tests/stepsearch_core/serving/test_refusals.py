import json

from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel

from stepsearch_core.serving.refusals import RefusalError, answer_refusals


def test_a_refusal_is_one_line_of_json_with_its_headers():
    response = RefusalError(429, "busy", "7 wait\nalready", retry_after=2).response(close=True)
    assert response.status_code == 429
    assert response.headers["retry-after"] == "2"
    assert response.headers["connection"] == "close"
    assert json.loads(bytes(response.body)) == {"error": "busy", "message": "7 wait\nalready"}
    assert b"\n" not in response.body
    assert "retry-after" not in RefusalError(503, "failed", "").response().headers


class Asked(BaseModel):
    names: list[int]


def test_an_application_may_have_a_shape_and_a_status_of_its_own():
    app = FastAPI()
    answer_refusals(app, lambda refusal: {"said": refusal.word, "at": refusal.field}, malformed=400, outer=1)

    @app.post("/ask")
    async def ask(asked: Asked) -> None:
        raise RefusalError(404, "unknown", "", field="names")

    with TestClient(app) as client:
        answers = [client.post("/ask", json={"names": names}) for names in ([], ["a"])]
        answers.append(client.get("/nowhere"))
    assert [(answer.status_code, answer.json()) for answer in answers] == [
        (404, {"said": "unknown", "at": "names"}),
        (400, {"said": "invalid_request", "at": "names.0"}),
        (404, {"said": "not_found", "at": None}),
    ]
