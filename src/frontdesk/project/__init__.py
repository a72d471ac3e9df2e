"""Puts Frontdesk together: configuration, settings, database backend, urls and the command line."""
