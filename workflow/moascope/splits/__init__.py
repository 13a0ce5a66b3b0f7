"""Splits into training, validation and test units, and their leakage audit."""
