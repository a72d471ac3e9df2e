"""How a command fails."""


class CommandFailed(Exception):
    """The command could not do its work; one line that says why. Exit code 1."""


class UsageError(Exception):
    """The command was used wrongly, or its surroundings do not allow it; one line. Exit code 2."""
