"""The request path: from a client's request to a provider's reply, with every call on record.

It owns messages, errors, money, the Snapshot, the providers, the pipeline and the journal. It must not know
Django, a database or a web server; whoever embeds it hands it a Snapshot, a journal and a clock.
"""
