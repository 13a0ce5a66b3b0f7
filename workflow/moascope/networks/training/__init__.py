"""Training of networks, shared by classifiers and segmentation."""
