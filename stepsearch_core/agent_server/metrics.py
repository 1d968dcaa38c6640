"""What Prometheus scrapes of an agent's server: requests, questions and how they ended, slots, tokens."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from stepsearch_core.base.types import Trajectory
from stepsearch_core.rollout.sources import Arrivals
from stepsearch_core.serving.metrics import RequestMetrics

PATH = "/v1/chat/completions"
"""Takes questions; requests to it are counted."""
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class AgentMetrics(RequestMetrics):
    """The metrics of an agent's server."""

    def __init__(self) -> None:
        super().__init__(f"{PATH} and /mcp")
        own = self._registry
        self._ended = Counter(
            "stepsearch_questions",
            "Questions that were played, by why they ended",
            ["stop_reason"],
            registry=own,
        )
        self._seconds = Histogram(
            "stepsearch_question_seconds",
            "From a question's arrival to its end, the queue included",
            buckets=_SECONDS,
            registry=own,
        )
        self._searches = Counter("stepsearch_searches", "Searches of all questions", registry=own)
        self._tokens = Counter(
            "stepsearch_tokens", "Tokens read (prompts, passages) and written", ["kind"], registry=own
        )
        self._waiting = Gauge("stepsearch_queue_questions", "Questions that wait for a slot", registry=own)
        self._playing = Gauge("stepsearch_slots_taken", "Questions that have a slot", registry=own)

    def watch(self, arrivals: Arrivals) -> None:
        """Show how many wait and play."""
        self._waiting.set_function(lambda: arrivals.waiting)
        self._playing.set_function(lambda: arrivals.playing)

    def ended(self, trajectory: Trajectory, seconds: float) -> None:
        """Count a question that has ended, so many seconds after it came."""
        self._ended.labels(trajectory.stop_reason.value).inc()
        self._seconds.observe(seconds)
        self._searches.inc(len(trajectory.searches))
        written = sum(trajectory.policy_mask)
        self._tokens.labels("prompt").inc(len(trajectory.token_ids) - written)
        self._tokens.labels("completion").inc(written)
