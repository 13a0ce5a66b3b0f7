"""Methods of intensity normalization."""
