"""Training of the small network that moves a face to speech (`vivid.generators.layered.speech_motion`)."""
