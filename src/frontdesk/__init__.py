"""Frontdesk: a self-hosted, multi-tenant customer-service agent with its own model gateway."""

__version__ = "0.1.0"
