"""Segmentation engines: one module for each."""
