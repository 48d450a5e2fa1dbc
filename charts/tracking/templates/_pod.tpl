{{- /* Image reference from (dict "cluster" … "name" … "tag" … "digest" …). */ -}}
{{- define "image" -}}
{{ .cluster.registry }}{{ .name }}:{{ .tag }}{{ if eq .cluster.pinBy "digest" }}@{{ .digest }}{{ end }}
{{- end }}

{{- define "image.service" -}}
{{ include "image" (dict "cluster" .Values.cluster "name" .Chart.Name "tag" .Values.image.tag "digest" .Values.image.digest) }}
{{- end }}

{{- define "podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

