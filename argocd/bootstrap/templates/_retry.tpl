{{- /* A new cluster needs some tries until databases and resource definitions are there; `refresh` lets a later commit
mend a failing one without waiting for the last try. */ -}}
{{- define "retry" -}}
limit: 10
refresh: true
backoff: {duration: 5s, factor: 2, maxDuration: 1m}
{{- end }}
