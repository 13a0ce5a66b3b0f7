"""Annotated images and the patches drawn from them."""
