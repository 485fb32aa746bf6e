"""What only several meters can tell: see `desk`."""
