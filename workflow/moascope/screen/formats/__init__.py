"""Formats of input: one module for each."""
