"""Options of segmentation engines, apart from the engines, so that jobs import no more."""
