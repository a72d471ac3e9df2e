"""Jobs of conversations: functions that run by the clock, take nothing and may run again at any time."""

from datetime import timedelta

from frontdesk.conversations import services

LONGEST_TURN = timedelta(minutes=15)
"""Longer than any turn that still has a process working on it: its wait in line and every attempt's deadline."""


def fail_abandoned_turns() -> int:
    """Fail the turns that a process left behind when it was killed; tell how many there were."""
    return services.fail_abandoned_turns(LONGEST_TURN)
