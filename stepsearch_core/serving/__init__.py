"""The retrieval service: one index and one cache for all who search, over HTTP, in Search-R1's JSON."""
