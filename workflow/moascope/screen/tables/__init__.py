"""Tables in text files: delimiters, numbers, paths and joins."""
