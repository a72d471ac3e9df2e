"""Conversations with customers: contacts, messages, turns, and the engine that answers them."""
