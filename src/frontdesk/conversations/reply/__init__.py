"""The reply engine: a customer's message in, an answer with its source and confidence out."""
