"""Readers of the benchmarks, published or generated, and of the folder that `fetch` filled."""
