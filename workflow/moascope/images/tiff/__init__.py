"""Reading of TIFF files."""
