"""Foundations that every part uses: errors, files, text, and the base of all options."""
