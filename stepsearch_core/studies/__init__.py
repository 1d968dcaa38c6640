"""Studies: variants of a profile on many seeds, compared with intervals. What is run, and
what it comes to."""
