"""The providers: one module or package for each wire format, one HTTP client for all of them."""
