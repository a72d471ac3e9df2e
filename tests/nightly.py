"""A pytest plugin (`-p tests.nightly`) that lets hypothesis try many more examples."""

from hypothesis import HealthCheck, settings

settings.register_profile("nightly", max_examples=5_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("nightly")
