"""Tenants, their users, settings and keys; and the tenancy that every other app builds on."""
