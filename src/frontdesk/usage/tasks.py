"""Jobs of usage: functions that run by the clock, take nothing and may run again at any time."""

from frontdesk.usage.budgets import alerts, services


def forecast_budgets() -> int:
    """Warn of limits that are nearly used up, or will be before their window ends; tell how many warnings are new."""
    return alerts.forecast_budgets()


def purge_counters() -> int:
    """Delete the counters of windows that nobody asks for any more; tell how many there were."""
    return services.purge_counters()
