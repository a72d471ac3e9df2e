"""The only HTTP client: HTTP/1.1 over pooled connections, with a deadline for each phase and a bound on every body."""

from frontdesk.gateway.providers.transport.client import Transport, UpstreamResponse

__all__ = ["Transport", "UpstreamResponse"]
