{{- define "operator.name" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}{{ .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains $name .Release.Name -}}{{ .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else -}}{{ printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end -}}
{{- end -}}

{{- define "operator.selector" -}}
app.kubernetes.io/name: clickstack-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "operator.labels" -}}
{{ include "operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "operator.account" -}}
{{ default (include "operator.name" .) .Values.serviceAccount.name }}
{{- end -}}

{{- /* What the operator may do where it looks after resources. */ -}}
{{- define "operator.rules" -}}
- apiGroups: [clickstack.io]
  resources: [clickstackcollectors]
  verbs: [get, list, watch]
- apiGroups: [clickstack.io]
  resources: [clickstackcollectors/status]
  verbs: [patch]
# Children. Server-side apply of an object that does not exist needs create and patch.
- apiGroups: [""]
  resources: [configmaps, serviceaccounts, services]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [deployments, statefulsets, daemonsets]
  verbs: [get, list, watch, create, patch, delete]
# For the role cluster, which needs a Lease; the API server lets nobody give a right he lacks.
- apiGroups: [rbac.authorization.k8s.io]
  resources: [roles, rolebindings]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [get, create, update]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies, ingresses]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, patch, delete]
# Why a pod does not start is told in the resource's status.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
# Pods that a DaemonSet cannot make are told in events alone; and what begins or ends is told in one.
- apiGroups: [""]
  resources: [events]
  verbs: [list]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
# A Secret a resource names is read (get) to see that it has the keys; values are never kept. All others are
# watched by their metadata alone, so that a Secret that appears late is noticed. Kubernetes cannot grant less:
# whoever may watch metadata may watch contents.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch]
{{- end -}}

{{- define "operator.rulesOf.agent" -}}
# Agents ask for the pods of their own node alone; Kubernetes cannot grant less than those of all.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
# The kubelet's statistics, each agent its own node's; nodes/proxy would be a way into every container.
- apiGroups: [""]
  resources: [nodes/stats]
  verbs: [get]
{{- end -}}

{{- define "operator.rulesOf.cluster" -}}
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [list, watch]
# What is measured.
- apiGroups: [""]
  resources: [pods, nodes, namespaces, resourcequotas, replicationcontrollers]
  verbs: [list, watch]
- apiGroups: [apps]
  resources: [deployments, replicasets, statefulsets, daemonsets]
  verbs: [list, watch]
- apiGroups: [batch]
  resources: [jobs, cronjobs]
  verbs: [list, watch]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [list, watch]
{{- end -}}
