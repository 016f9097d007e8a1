{{- define "foresail.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* 40 characters leave room for what components and Jobs append. */}}
{{- define "foresail.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "foresail.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "foresail.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What selects the pods of a component: (list $ "controller"). It must never change. */}}
{{- define "foresail.selector" -}}
{{- $top := index . 0 -}}
app.kubernetes.io/name: {{ include "foresail.name" $top }}
app.kubernetes.io/instance: {{ $top.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "foresail.labels" -}}
{{- $top := index . 0 -}}
{{ include "foresail.selector" . }}
app.kubernetes.io/part-of: foresail
app.kubernetes.io/version: {{ $top.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $top.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $top.Chart.Name $top.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with $top.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Name, namespace and labels of an object of a component; the object's own name may differ: (list $ "controller" "watchdog"). */}}
{{- define "foresail.metadata" -}}
{{- $top := index . 0 -}}
name: {{ include "foresail.fullname" $top }}-{{ last . }}
namespace: {{ $top.Release.Namespace }}
labels:
  {{- include "foresail.labels" (list $top (index . 1)) | nindent 2 }}
{{- end -}}

{{- define "foresail.image" -}}
{{- $top := index . 0 -}}
{{- $image := index . 1 -}}
{{- with $top.Values.image.registry }}{{ trimSuffix "/" . }}/{{ end -}}
{{- $image.repository -}}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ default $top.Chart.AppVersion $image.tag }}{{ end -}}
{{- end -}}

{{- define "foresail.account" -}}
{{- $account := .Values.controller.serviceAccount -}}
{{- if $account.create -}}
{{- default (printf "%s-controller" (include "foresail.fullname" .)) $account.name -}}
{{- else -}}
{{- default "default" $account.name -}}
{{- end -}}
{{- end -}}

{{/* What "restricted" of the Pod Security Standards asks of a pod, and of a container. */}}
{{- define "foresail.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "foresail.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* How pods of a component are placed: (list $ "gateway" .Values.gateway). */}}
{{- define "foresail.placement" -}}
{{- $top := index . 0 -}}
{{- $part := index . 2 -}}
{{- with $top.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $part.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if hasKey $part "topologySpreadConstraints" }}
topologySpreadConstraints:
  {{- with $part.topologySpreadConstraints }}
  {{- toYaml . | nindent 2 }}
  {{- else }}
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "foresail.selector" (list $top (index $ 1)) | nindent 8 }}
  {{- end }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Environment, mounts and volumes by which a container of the controller's image knows its settings. */}}
{{- define "foresail.controllerEnv" -}}
env:
# The Lease names the pod that leads, as a port-forward wants it.
- {name: FORESAIL_CONTROLLER_IDENTITY, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
{{- with .Values.prometheus.headersSecret.name }}
- name: FORESAIL_CONTROLLER_PROMETHEUS_HEADERS
  valueFrom: {secretKeyRef: {name: {{ . }}, key: {{ $.Values.prometheus.headersSecret.key }}}}
{{- end }}
envFrom:
- configMapRef: {name: {{ include "foresail.fullname" . }}-controller}
volumeMounts:
- {name: tmp, mountPath: /tmp}
{{- if .Values.prometheus.tokenSecret.name }}
- {name: prometheus-token, mountPath: /etc/foresail/prometheus-token, readOnly: true}
{{- end }}
{{- if .Values.prometheus.caConfigMap.name }}
- {name: prometheus-ca, mountPath: /etc/foresail/prometheus-ca, readOnly: true}
{{- end }}
{{- end -}}

{{- define "foresail.controllerVolumes" -}}
- {name: tmp, emptyDir: {}}
{{- with .Values.prometheus.tokenSecret.name }}
- {name: prometheus-token, secret: {secretName: {{ . }}}}
{{- end }}
{{- with .Values.prometheus.caConfigMap.name }}
- {name: prometheus-ca, configMap: {name: {{ . }}}}
{{- end }}
{{- end -}}

{{/* The pod of a Job that gives HPAs back: (list $ args). */}}
{{- define "foresail.restorePod" -}}
{{- $top := index . 0 -}}
metadata:
  labels:
    {{- include "foresail.labels" (list $top "watchdog") | nindent 4 }}
spec:
  serviceAccountName: {{ include "foresail.account" $top }}
  automountServiceAccountToken: true
  enableServiceLinks: false
  restartPolicy: Never
  {{- include "foresail.placement" (list $top "watchdog" (omit $top.Values.controller "topologySpreadConstraints")) | nindent 2 }}
  securityContext:
    {{- include "foresail.podSecurity" $top | nindent 4 }}
  containers:
  - name: restore
    image: {{ include "foresail.image" (list $top $top.Values.controller.image) }}
    imagePullPolicy: {{ $top.Values.image.pullPolicy }}
    args: {{ toJson (index . 1) }}
    {{- include "foresail.controllerEnv" $top | nindent 4 }}
    resources:
      {{- toYaml $top.Values.controller.watchdog.resources | nindent 6 }}
    securityContext:
      {{- include "foresail.containerSecurity" $top | nindent 6 }}
  volumes:
    {{- include "foresail.controllerVolumes" $top | nindent 4 }}
{{- end -}}
