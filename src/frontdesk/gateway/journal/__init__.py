"""The append-only, checksummed record of every call, written before and after the provider is asked.

It owns the files and their format. It must not know the database: `usage` moves the records into rows.
"""
