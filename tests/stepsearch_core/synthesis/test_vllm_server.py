"""Keys, steps and questions by a real language model behind a real server: vLLM's, where STEPSEARCH_SMOLLM
names a folder with SmolLM2-135M-Instruct. What so small a model writes is poor: counted, and never an error.
"""

import os
import socket
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace

import pytest

from stepsearch_core.endpoint.endpoint import Endpoint, EndpointError
from stepsearch_core.params import EndpointParams, Params, SynthesizeParams
from stepsearch_core.synthesis.decomposition import decompose
from stepsearch_core.synthesis.key_model import Model
from stepsearch_core.synthesis.linked import make_linked
from stepsearch_core.synthesis.sub_questions import parse_hops
from tests.stepsearch_core.synthesis.conftest import everything
from tests.vllm_parts import needs_vllm

STARTS_WITHIN = 240
"""Seconds."""


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    """The server, on a port of its own, and what it wrote."""
    model = os.environ.get("STEPSEARCH_SMOLLM")
    if not model:
        pytest.skip("STEPSEARCH_SMOLLM names no folder with SmolLM2-135M-Instruct")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("server")
    command = [
        *(sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", model),
        *(
            "--served-model-name",
            "smollm",
            "--port",
            str(port),
            "--max-model-len",
            "4096",
            "--enforce-eager",
        ),
    ]
    environment = {**os.environ, "VLLM_NO_USAGE_STATS": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        params = EndpointParams(url=f"http://127.0.0.1:{port}/v1", attempts=1)
        reached = Endpoint(params, "smollm", folder / "replies")
        end = time.monotonic() + STARTS_WITHIN
        while True:
            try:
                assert reached.models() == ["smollm"]
                break
            except EndpointError:
                alive = server.poll() is None and time.monotonic() < end
                assert alive, (folder / "log").read_text()[-2000:]
                time.sleep(1)
        yield reached
    finally:
        server.terminate()
        server.wait(60)


@needs_vllm
def test_keys_are_of_the_form_that_was_asked_for(endpoint, world):
    steps = [step for question in world.questions[:8] for step in parse_hops(question)]
    failed = Counter()
    written = Model(SynthesizeParams(generator="endpoint", candidates_per_hop=3), endpoint)(steps, failed)
    assert failed.total() == failed["key written twice"] + failed["endpoint: cut_off"]
    assert sum(map(bool, written)) > 0.5 * len(steps)
    assert max(map(len, written)) <= 3


@needs_vllm
def test_steps_are_of_the_form_that_was_asked_for(endpoint, world):
    bare = [replace(question, hops=()) for question in world.questions[:8]]
    _, counts = decompose(
        bare, endpoint, Params(), retriever=world.retriever, passage=world.corpus.get, show=everything
    )
    assert counts["asked"] == 8 == counts["kept"] + sum(counts["dropped"].values())
    assert "endpoint: malformed" not in counts["dropped"]
    assert "endpoint: refused" not in counts["dropped"]


@needs_vllm
def test_questions_are_of_the_form_that_was_asked_for(endpoint, world):
    params = Params(synthesize=SynthesizeParams(linked_pairs=6))
    _, counts = make_linked(world.corpus, world.retriever, endpoint, params)
    assert counts["pairs"] == 6 == counts["kept"] + sum(counts["dropped"].values())
    assert "endpoint: malformed" not in counts["dropped"]
    assert "endpoint: refused" not in counts["dropped"]
