"""VividAnimator: a portrait, a voice and a gesture clip become a video."""

__version__ = "0.1.0"
