"""One module per DVC stage, run as `python -m tasks.NAME`; the work itself is in `stepsearch_core`.

`encode`, `reevaluate`, `repair` and `relocate` stand outside of the DAG.

OpenMP's threads wait passively unless told otherwise: spinning ones slow a small model's training five to
ten times as soon as any other process wants a core. It has to be said before torch is imported, hence here.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
