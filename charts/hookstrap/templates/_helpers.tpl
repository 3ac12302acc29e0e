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

{{/* The namespaces of which the webhook never denies Pods, with a comma in between: what it needs to start is there. */}}
{{- define "hookstrap.exempt" -}}
kube-system,kube-node-lease,{{ .Release.Namespace }}{{ if include "hookstrap.podCertificate" . }},hookstrap-authority{{ end }}
{{- end }}

{{/* The configuration file. Without a mode, the checks that are on by default would deny. */}}
{{- define "hookstrap.checks" -}}
{{- $checks := deepCopy (.Values.checks | default dict) }}
{{- range tuple "podSecurity" "imageTag" }}
{{- if not (get $checks .) }}{{ $_ := set $checks . (dict "mode" "off") }}{{ end }}
{{- end }}
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

{{/* Refuses values that do not go together. The schema could refuse them, but not say why. */}}
{{- define "hookstrap.refuse" -}}
{{- if not (include "hookstrap.fullname" . | regexMatch "^[a-z][-a-z0-9]*$") }}
{{- include "hookstrap.fullname" . | printf "the Service would be called %s, and the name of a Service has a letter at the beginning and no dots: set fullnameOverride" | fail }}
{{- end }}
{{- if and .Values.publishTrustBundle (ne .Values.signerName "hookstrap.dev/serving") }}
{{- printf "publishTrustBundle=true publishes the CA of the signer hookstrap.dev/serving, and signerName is %s: leave one of the two out" .Values.signerName | fail }}
{{- end }}
{{- if and (include "hookstrap.podCertificate" .) .Values.secureMetrics .Values.monitor.enabled }}
{{- fail "monitor.enabled=true and secureMetrics=true do not go together with signerName=hookstrap.dev/authority, as no Secret or ConfigMap has its CA for a ServiceMonitor: leave monitor.enabled out, and write a ServiceMonitor of your own as docs/helm.md says" }}
{{- end }}
{{- with .Values.ports }}
{{- if ne 3 (list (toString .https) (toString .metrics) (toString .health) | uniq | len) }}
{{- fail "two of ports.https, ports.metrics and ports.health are the same: give each a port of its own" }}
{{- end }}
{{- end }}
{{- end }}

{{/* The modes of the checks. One without a mode denies. */}}
{{- define "hookstrap.modes" -}}
{{- range .Values.checks }} {{ (. | default dict).mode | default "deny" }} {{- end }}
{{- end }}

{{/* Not empty if a check begins to deny when an audit has found nothing. */}}
{{- define "hookstrap.cleans" -}}
{{- if contains "denyWhenClean" (toJson .Values.checks) }}true{{ end }}
{{- end }}

{{/* Not empty if a check looks at the labels of namespaces. */}}
{{- define "hookstrap.selectsNamespaces" -}}
{{- if contains "namespaceSelector" (include "hookstrap.checks" .) }}true{{ end }}
{{- end }}

{{/* What checks look up in the cluster, by check and API group: what `webhook rbac` prints. */}}
{{- define "hookstrap.reads" -}}
danglingReferences:
  "": [serviceaccounts, configmaps, persistentvolumeclaims, replicationcontrollers]
  apps: [deployments, statefulsets, replicasets, daemonsets]
ingressHosts:
  networking.k8s.io: [ingresses]
  gateway.networking.k8s.io: [httproutes, grpcroutes, tlsroutes, gateways]
podDisruptionBudgets:
  "": [replicationcontrollers]
  apps: [deployments, statefulsets, replicasets]
  autoscaling: [horizontalpodautoscalers]
  policy: [poddisruptionbudgets]
replicaLimits:
  autoscaling: [horizontalpodautoscalers]
requiredBudgets:
  autoscaling: [horizontalpodautoscalers]
  policy: [poddisruptionbudgets]
requiredNetworkPolicies:
  networking.k8s.io: [networkpolicies]
resources:
  "": [limitranges]
serviceAccountToken:
  "": [serviceaccounts]
topologySpread:
  autoscaling: [horizontalpodautoscalers]
{{- end }}

{{/* The resource of a template in podTemplates, by the plural that is usual. */}}
{{- define "hookstrap.resourceOf" -}}
{{- $kind := lower .kind }}
{{- if regexMatch "(s|x|z|ch|sh)$" $kind }}{{ $kind }}es{{ else if regexMatch "[^aeiou]y$" $kind }}{{ trimSuffix "y" $kind }}ies{{ else }}{{ $kind }}s{{ end }}
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
