"""Quality control, normalization, units of classification and hand-crafted features."""
