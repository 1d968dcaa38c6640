"""The multi-turn loop between policy, environment and retriever, and the records of what happened in it."""
