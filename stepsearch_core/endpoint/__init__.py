"""Language models behind an OpenAI-compatible service, for what a rule cannot judge or write."""
