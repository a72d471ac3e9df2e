"""Limits on what may be spent: terms, windows of time, and the engine that reserves before a call and settles after."""
