"""The ledger of every call to a model, and the catalog of what can be called at which price.

It moves the gateway's journal into rows; the gateway knows nothing of it.
"""
