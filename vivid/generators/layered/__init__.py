"""Layered: the photograph itself, cut into layers and moved by the calibrated pose and the speech.

Nothing is generated but what a photograph cannot show: the inside of the mouth, arms and hands below the sleeve, and
what was hidden behind them. Everything else is the portrait's own pixels. Needs no accelerator and no download.
"""
