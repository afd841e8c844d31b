"""Poses: layouts, detection, calibration (PCT), drawing, regions, gesture clips."""
