"""Measures of the quality of a site."""
