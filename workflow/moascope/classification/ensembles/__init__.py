"""Votes of several classifiers."""
