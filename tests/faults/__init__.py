"""The scorecard: what breaks, what a person reads then, and that it heals without them."""
