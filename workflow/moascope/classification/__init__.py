"""Classification of units: features, baselines, heads, training, evaluation."""
