"""Explanations of networks: maps of what they see, and scores of altered units."""
