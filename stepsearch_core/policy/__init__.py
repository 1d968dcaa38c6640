"""Models, their structure, and tokenizers."""
