"""Metrics, ablations, report."""
