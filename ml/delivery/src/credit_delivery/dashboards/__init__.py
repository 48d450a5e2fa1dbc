"""Grafana's dashboards as code: one module per dashboard, of panels made in `panels`;
`files` writes and reads their JSON.

Charts and compose take the written files; nothing here talks to Grafana.
"""
