{{- /* What our charts tell a container, beside the drift monitor's order, `RETRAIN_…`. */ -}}
{{- define "variables" -}}
- API_KEY
- CREDIT_HOME
- GITHUB_TOKEN
- JOURNAL_URL
- MLFLOW_BACKEND_STORE_URI
- MLFLOW_TRACKING_URI
{{- if eq .Values.cluster.pinBy "tag" }}
{{- /* The database of charts/postgres, which only kind has. */}}
- JOURNAL_PASSWORD
- PGDATA
- POSTGRES_PASSWORD
- POSTGRES_USER
- READER_PASSWORD
- TRACKING_PASSWORD
{{- end }}
{{- end }}

{{- /* Where our charts mount volumes. */ -}}
{{- define "places" -}}
- /artifacts
- /bundle
- /etc/drift-monitor
- /etc/scoring-api
- /etc/scoring-api-keys
- /reports
- /tmp
- /var/lib/scoring-api
- /work
{{- if eq .Values.cluster.pinBy "tag" }}
- /docker-entrypoint-initdb.d/databases.sh
- /etc/passwd
- /var/lib/postgresql/data
- /var/run/postgresql
{{- end }}
{{- end }}
