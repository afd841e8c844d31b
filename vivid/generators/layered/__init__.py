"""Layered: the photograph itself, cut into layers and moved by the calibrated pose and the speech.

Only what a photograph cannot show is generated: the inside of the mouth, arms and hands below the sleeve, and what was
hidden behind them. Everything else is the portrait's own pixels. Needs no accelerator and no download.

Where to read: `generator` (the seam), `person` (the one analysis of a portrait), `compose` (a frame from layers). Then
by part:
- what may move: `ladder`; the body's small motion: `sway`;
- the picture without arms: `matte`, `parsing`, `colours`, `outline`, `take_apart`, `sleeve_cut`, filled by `plate`,
  `patch_match`;
- the head: `face_mesh`, `face_units`, `head`, `lips`, `teeth`, `glasses`, moved by `head_motion`, `mouth`;
- speech to face: `drive`, `speech_motion`, `head_gestures`, `curves`;
- arms: `arm_mesh`, `arm_track`, `arms`, `sleeves`, drawn by `raster`, `arm_shading`, `skin`, `skin_texture`;
- a clip's hands in space: `hand_fit`, `hand_solver`, `hand_objective`, `hand_track`.
"""
