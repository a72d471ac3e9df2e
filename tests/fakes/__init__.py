"""Stand-ins for the gateway's ports that keep what they were given."""
