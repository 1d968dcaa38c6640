"""Scripts that run in environments of other frameworks; they import nothing of this project."""
