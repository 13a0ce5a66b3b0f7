"""Scores, intervals and permutation nulls."""
