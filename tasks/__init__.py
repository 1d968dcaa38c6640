"""One module per DVC stage, run as `python -m tasks.NAME`; the work itself is in `stepsearch_core`."""
