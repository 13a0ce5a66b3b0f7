"""Explanations of networks in the report."""
