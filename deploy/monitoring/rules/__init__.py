"""Prometheus' rules: what is recorded, and when somebody is told."""
