"""The rewards of the method (section 2 of the paper): one file a term, then their placement on tokens."""
