"""Published command line."""
