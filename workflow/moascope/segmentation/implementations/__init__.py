"""Code of the segmentation engines: one module per method."""
