"""The types of head, one a file."""
