{{/* The name of all objects. */}}
{{- define "hookstrap.fullname" -}}
{{- $own := .Chart.Name }}
{{- if contains $own .Release.Name }}{{ $own = .Release.Name }}{{ else }}{{ $own = printf "%s-%s" .Release.Name $own }}{{ end -}}
{{- .Values.fullnameOverride | default $own | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{/* What tells our Pods from all others, those of another release in the same namespace as well. */}}
{{- define "hookstrap.selector" -}}
app.kubernetes.io/name: hookstrap
app.kubernetes.io/component: webhook
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "hookstrap.labels" -}}
app.kubernetes.io/name: hookstrap
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: hookstrap
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "hookstrap.image" -}}
{{ .Values.image.repository }}
{{- with .Values.image.digest }}@{{ . }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* The configuration file. */}}
{{- define "hookstrap.checks" -}}
{{- $checks := deepCopy .Values.checks }}
{{- if .Values.namespaceLevels }}
{{- $rules := list }}
{{- range tuple "privileged" "restricted" }}
{{- $label := dict "pod-security.kubernetes.io/enforce" . }}
{{- $rules = append $rules (dict "namespaceSelector" (dict "matchLabels" $label) "level" .) }}
{{- end }}
{{- $own := $checks.podSecurity | default dict }}
{{- $_ := set $checks "podSecurity" (merge (dict "rules" (concat ($own.rules | default list) $rules)) $own) }}
{{- end -}}
apiVersion: hookstrap.dev/v1alpha1
kind: CheckConfiguration
checks:
  {{- toYaml $checks | nindent 2 }}
{{- with .Values.mutations }}
mutations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.podTemplates }}
podTemplates:
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Not empty if a check begins to deny when an audit has found nothing. */}}
{{- define "hookstrap.cleans" -}}
{{- if contains "denyWhenClean" (toJson .Values.checks) }}true{{ end }}
{{- end }}

{{/* Not empty if a check looks at the labels of namespaces. */}}
{{- define "hookstrap.selectsNamespaces" -}}
{{- if contains "namespaceSelector" (include "hookstrap.checks" .) }}true{{ end }}
{{- end }}

{{/* Not empty if the cluster signs the certificate. */}}
{{- define "hookstrap.clusterSigns" -}}
{{- if eq .Values.signerName "kubernetes.io/kubelet-serving" }}true{{ end }}
{{- end }}

{{/* Not empty if the kubelet brings the certificate, and `webhook authority` keeps the caBundle. */}}
{{- define "hookstrap.podCertificate" -}}
{{- if eq .Values.signerName "hookstrap.dev/authority" }}true{{ end }}
{{- end }}

{{- define "hookstrap.confined" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: ["ALL"]
{{- end }}
