"""Policies on benchmarks: per-question records, and metrics with intervals."""
