"""Speech encoders and their per-frame windows."""
