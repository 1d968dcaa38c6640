"""`stepsearch serve` as a process."""

import signal
import threading
from dataclasses import replace
from typing import Any

import httpx
import openai
import pytest

from stepsearch_core.agent_server.server import open_agent, serve
from stepsearch_core.agent_server.settings import AgentSettings
from stepsearch_core.asking import Asker
from stepsearch_core.base.errors import DataError
from stepsearch_core.params import load_params
from tests import tiny
from tests.stepsearch_core.agent_server.conftest import metric, until

pytestmark = pytest.mark.slow


def test_a_server_process_answers_as_ask_does_and_ends_with_0_when_all_is_answered(server_process, data):
    server = server_process("--name", "tiny", "--slots", "2")
    assert server.log.splitlines()[-1] == f"serving tiny in 2 slots on {server.url}"
    asked: Any = [{"role": "user", "content": tiny.ADA.question}]
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
        answer = client.chat.completions.create(model="tiny", messages=asked)
    asker = Asker(data / "train" / "policy", data, load_params(data / "params.yaml"))
    expected = asker(tiny.ADA.question, lambda turn: None)
    assert answer.choices[0].message.content == (expected["answer"] or "")
    assert (answer.model_extra or {})["stepsearch"]["stop_reason"] == expected["stop_reason"]

    body = {"model": "tiny", "messages": asked}
    made = []

    def ask():
        made.append(httpx.post(f"{server.url}/v1/chat/completions", json=body, timeout=60).status_code)

    askers = [threading.Thread(target=ask) for _ in range(12)]
    for one in askers:
        one.start()
    until(lambda: metric(httpx.get(f"{server.url}/metrics").text, "stepsearch_slots_taken") or made)
    server.process.send_signal(signal.SIGTERM)
    for one in askers:
        one.join(60)
    assert server.process.wait(60) == 0
    assert set(made) == {200}
    assert server.log.endswith(f"{server.url}\n")


def test_a_server_that_is_told_to_end_as_soon_as_it_is_there_ends_with_0(server_process):
    assert server_process().end() == 0


def test_what_cannot_be_served_is_one_line(data, tmp_path):
    settings = AgentSettings(data=str(data), params=str(data / "params.yaml"))
    assert open_agent(settings).params.batch_size == 4
    assert open_agent(replace(settings, slots=2)).params.batch_size == 2
    with pytest.raises(DataError, match="nowhere: no policy; `dvc repro train` trains one"):
        open_agent(replace(settings, policy="nowhere"))
    with pytest.raises(DataError, match=r"train/policy: no policy"):
        open_agent(replace(settings, data=str(tmp_path)))
    with pytest.raises(DataError, match=r"^no\.such\.host:0: cannot listen here"):
        serve(settings, "no.such.host", 0)
