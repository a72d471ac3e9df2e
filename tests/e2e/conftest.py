"""Fixtures of the end-to-end tests: the browser, and the widget's scripted server."""

from tests.e2e.browser import chromium, visit
from tests.e2e.widget_stand_in import stand_in

__all__ = ["chromium", "stand_in", "visit"]
