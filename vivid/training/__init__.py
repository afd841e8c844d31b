"""Training of every part, on accelerate."""
