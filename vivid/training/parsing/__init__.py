"""Training of clothes parsing (`vivid.generators.layered.parsing`) on rendered people (`vivid.synthesis.parts`)."""
