"""How far a serving process is on its way to its end; what its parts have to know of each other for that."""


class Ending:
    """The state of one process. Read on the event loop; set there and by signals."""

    has_begun = False
    """No more work is wanted: not ready, and every reply closes its connection. Listening may go on for a while."""
    is_forced = False
    """Nothing that runs is waited for any more."""
    reason: Exception | None = None
    """Why the process ends before it has served at all."""
