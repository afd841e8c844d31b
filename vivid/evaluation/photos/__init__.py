"""What users get from their own photographs: finished videos, analysed and measured.

Nothing about how a video was made is used, only the file, the portrait and where the calibrated motion wants the hands.
There is no ground truth for photographs, so every number compares the video with the portrait, the motion or the voice.
"""
