"""Backbones, one file each, and their weights."""
