import json

from stepsearch_core.serving.refusals import RefusalError


def test_a_refusal_is_one_line_of_json_with_its_headers():
    response = RefusalError(429, "busy", "7 wait\nalready", retry_after=2).response(close=True)
    assert response.status_code == 429
    assert response.headers["retry-after"] == "2"
    assert response.headers["connection"] == "close"
    assert json.loads(bytes(response.body)) == {"error": "busy", "message": "7 wait\nalready"}
    assert b"\n" not in response.body
    assert "retry-after" not in RefusalError(503, "failed", "").response().headers
