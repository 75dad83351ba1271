"""What Prometheus and Grafana know of the gateway: objectives, rules, dashboards."""
