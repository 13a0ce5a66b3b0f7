"""Segmentation of objects, and its scores."""
