"""State that changes with every call, shared by the processes that serve: one implementation a module."""
