{{- /* Image reference from (dict "cluster" … "name" … "tag" … "digest" …). */ -}}
{{- define "image" -}}
{{ .cluster.registry }}{{ .name }}:{{ .tag }}{{ if eq .cluster.pinBy "digest" }}@{{ .digest }}{{ end }}
{{- end }}

{{- define "image.service" -}}
{{ include "image" (dict "cluster" .Values.cluster "name" .Chart.Name "tag" .Values.image.tag "digest" .Values.image.digest) }}
{{- end }}

{{- define "image.model" -}}
{{ include "image" (dict "cluster" .Values.cluster "name" "credit-model" "tag" .Values.model.tag "digest" .Values.model.imageDigest) }}
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

{{- /* The bundle's way into the pod: copied out of its image, refused unless it is the model that git names. */ -}}
{{- define "bundleContainer" -}}
- name: bundle
  image: {{ include "image.model" . }}
  args: [place, /bundle, {{ .Values.model.modelDigest | quote }}]
  resources:
    requests: {cpu: 10m, memory: 32Mi}
    limits: {memory: 64Mi}
  securityContext: {{- include "containerSecurity" . | nindent 4 }}
  volumeMounts:
    - {name: bundle, mountPath: /bundle}
{{- end }}

{{- define "serveArguments" -}}
- serve
- --settings=/etc/scoring-api/settings.yaml
- --bundle=/bundle
- --tag={{ .Values.model.tag }}
- model_digest={{ .Values.model.modelDigest | quote }}
- image_digest={{ .Values.image.digest }}
- keys_file=/etc/scoring-api-keys/keys
{{- end }}

{{- define "secretEnvironment" -}}
- name: JOURNAL_URL
  valueFrom:
    secretKeyRef: {name: scoring-api-journal, key: JOURNAL_URL}
{{- end }}
