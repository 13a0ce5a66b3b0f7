"""StarDist (Schmidt et al. 2018): its networks, their files and thresholds."""
