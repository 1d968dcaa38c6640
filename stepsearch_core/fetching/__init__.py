"""Questions and corpus from where they are, a generated world, local files or a hub, into one folder."""
