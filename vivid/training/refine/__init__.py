"""Refining layered frames: pairs of layered and true frames, the training on them, and its evaluation."""
