"""Continuous performance-regression testing for HTTP backends, as a Dagster project."""
