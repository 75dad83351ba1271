"""Writes Prometheus' rules and Grafana's dashboards: `make dashboards`."""

from __future__ import annotations

from deploy.monitoring.files import generated_files


def main() -> None:
    """Write what is generated."""
    for path, text in generated_files().items():
        path.write_text(text)


if __name__ == "__main__":
    main()
