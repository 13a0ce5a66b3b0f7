"""Text: cells of tables, escaping, regular expressions, suggestions."""
