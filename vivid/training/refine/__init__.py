"""Refining what the layers draw: pairs of layered and true frames, the training on them, and its numbers."""
