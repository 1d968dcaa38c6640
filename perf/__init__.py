"""Side-by-side measurements, run as `python -m perf NAME`; both sides run in one call."""
