"""The web process: one ASGI application with raw handlers for the request path and Django for all other paths."""
