{{- /* Image reference from (dict "cluster" … "name" … "tag" … "digest" …), as the other charts write it. */ -}}
{{- define "image" -}}
{{ .cluster.registry }}{{ .name }}:{{ .tag }}{{ if eq .cluster.pinBy "digest" }}@{{ .digest }}{{ end }}
{{- end }}

{{- /* Who makes pods out of workloads: the controller manager, with an account per controller or without. */ -}}
{{- define "controllers" -}}
- system:kube-controller-manager
{{- range list "cronjob" "daemon-set" "deployment" "job" "replicaset" "replication" "statefulset" }}
- system:serviceaccount:kube-system:{{ . }}-controller
{{- end }}
{{- end }}
