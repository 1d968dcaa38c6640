"""Studies: variants of a profile on many seeds, compared. What is run, and what it comes to."""
