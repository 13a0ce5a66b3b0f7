"""Measurements and counts of objects on plates."""
