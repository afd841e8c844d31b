"""The Animate tab: three input cards beside one stage that shows the result."""
