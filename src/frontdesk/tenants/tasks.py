"""Jobs of tenants: functions that run by the clock, take nothing and may run again at any time."""

from django.contrib.sessions.backends.db import SessionStore


def clear_sessions() -> None:
    """Delete the sessions of the console that have expired."""
    SessionStore.clear_expired()
