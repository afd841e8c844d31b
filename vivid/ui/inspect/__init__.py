"""The Inspect tab, its style and scripts, and annotators' decisions."""
