"""A load test's HTML report, and the comparison of two load tests, from their JSON files."""
