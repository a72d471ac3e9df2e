"""The operator's console at /admin/: what is registered there, how it looks and what its first page tells."""
