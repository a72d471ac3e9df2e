"""Loopback stand-ins for the services that Frontdesk talks to: they behave as documented, or misbehave."""
