"""Budgets in the database: their rows, what each window has spent, and what operators do with them.

The gateway enforces budgets from the Snapshot and its store; this package feeds both and knows neither.
"""
