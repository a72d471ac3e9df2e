"""Throw-away servers for the tests: a real PostgreSQL and a real Redis, each in a directory of its own in /tmp."""
