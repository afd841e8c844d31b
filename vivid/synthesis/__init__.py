"""Rendered people who speak and gesture, with exact labels."""
