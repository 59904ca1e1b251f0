"""Walls for Grafana, as code: `python -m grafana.dashboards` writes grafana/dashboards/*.json."""
