"""Networks with their weights, layers and preprocessing."""
