"""Ways of answering a question with a model and searches, each a declaration in a file of its own."""
