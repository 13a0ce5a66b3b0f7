"""The U-Net: architecture, targets, training, tiling, export."""
