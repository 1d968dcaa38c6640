"""Prefect flows over the stages of dvc.yaml: Prefect owns when and where, DVC what is computed and stale."""

import os

# Prefect reads these when it is imported: nothing that runs here reports home, and the server that it starts
# for a run without one gets more than 20 seconds to come up on a busy machine.
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "180")
