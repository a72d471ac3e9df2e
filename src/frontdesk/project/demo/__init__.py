"""The demo shop: a tenant with something to say, for a first look and for outside checks."""
