"""What can be wrong with the place Frontdesk runs in."""


class ConfigurationError(Exception):
    """The environment or the data directory does not allow a start; one line that says why and what to do."""
