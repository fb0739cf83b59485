"""Judging: metrics, figures by level, the gap sweep, and the report."""
