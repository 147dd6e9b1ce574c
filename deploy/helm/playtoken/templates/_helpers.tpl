{{- define "playtoken.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- /* Names: of serve the release's, of the others that with their part. */ -}}
{{- define "playtoken.name" -}}
{{ if eq .part "serve" }}{{ .root.Release.Name }}{{ else }}{{ .root.Release.Name }}-{{ .part }}{{ end }}
{{- end }}

{{- define "playtoken.selector" -}}
app.kubernetes.io/name: playtoken
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "playtoken.labels" -}}
{{ include "playtoken.selector" . }}
app.kubernetes.io/version: {{ .root.Values.image.tag | default .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{- define "playtoken.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "playtoken.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- /* Variables of the login at Vault, and of secrets in files. */ -}}
{{- define "playtoken.vaultEnv" -}}
- {name: VAULT_ADDR, value: {{ .root.Values.vault.address | quote }}}
{{- with .root.Values.vault.namespace }}
- {name: VAULT_NAMESPACE, value: {{ . | quote }}}
{{- end }}
{{- if .root.Values.vault.caSecret }}
- {name: VAULT_CACERT, value: /run/secrets/vault-ca/ca.crt}
{{- end }}
- {name: PLAYTOKEN_VAULT_AUTH, value: kubernetes}
- {name: PLAYTOKEN_VAULT_AUTH_PATH, value: {{ .root.Values.vault.authPath | quote }}}
- {name: PLAYTOKEN_VAULT_ROLE, value: {{ .role | quote }}}
- {name: PLAYTOKEN_VAULT_JWT_FILE, value: /run/secrets/vault/token}
{{- with .root.Values.vault.transit }}
- {name: PLAYTOKEN_VAULT_TRANSIT, value: {{ . | quote }}}
{{- end }}
{{- with .root.Values.vault.kv }}
- {name: PLAYTOKEN_VAULT_KV, value: {{ . | quote }}}
{{- end }}
{{- end }}

{{- define "playtoken.env" -}}
{{- range $name, $value := .settings }}
- {name: {{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- range $name, $key := .files }}
- {name: {{ $name }}_FILE, value: {{ printf "/run/secrets/playtoken/%s" $key | quote }}}
{{- end }}
{{- end }}

{{- define "playtoken.mounts" -}}
- {name: vault-token, mountPath: /run/secrets/vault, readOnly: true}
{{- if .root.Values.vault.caSecret }}
- {name: vault-ca, mountPath: /run/secrets/vault-ca, readOnly: true}
{{- end }}
{{- if .files }}
- {name: secrets, mountPath: /run/secrets/playtoken, readOnly: true}
{{- end }}
{{- end }}

{{- define "playtoken.volumes" -}}
# A token that is good at Vault alone; none for the API of Kubernetes is mounted.
- name: vault-token
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken:
          path: token
          audience: {{ .root.Values.vault.audience | quote }}
          expirationSeconds: 600
{{- with .root.Values.vault.caSecret }}
- name: vault-ca
  secret: {secretName: {{ . | quote }}, defaultMode: 0440}
{{- end }}
{{- if .files }}
- name: secrets
  secret:
    secretName: {{ .secret | quote }}
    defaultMode: 0440
    items:
{{- range $name, $key := .files }}
      - {key: {{ $key | quote }}, path: {{ $key | quote }}}
{{- end }}
{{- end }}
{{- end }}

{{- /* Replicas on several nodes, and in several zones, where there are. */ -}}
{{- define "playtoken.spread" -}}
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
- maxSkew: 1
  topologyKey: {{ . }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels: {{- include "playtoken.selector" $ | nindent 6 }}
{{- end }}
{{- end }}

{{- define "playtoken.placement" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- end }}

{{- define "playtoken.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - {name: {{ . | quote }}}
{{- end }}
{{- end }}
{{- end }}

{{- /* Egress that every pod needs: names, and Vault. */ -}}
{{- define "playtoken.egress" -}}
# DNS.
- ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
- ports:
    - {protocol: TCP, port: {{ .root.Values.networkPolicy.ports.vault }}}
{{- range .ports }}
    - {protocol: TCP, port: {{ . }}}
{{- end }}
{{- with .root.Values.networkPolicy.egress }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "playtoken.scrapers" -}}
- ports:
    - {protocol: TCP, port: metrics}
  from:
{{- with .Values.networkPolicy.prometheus }}
{{ toYaml . | indent 4 }}
{{- else }}
    - namespaceSelector: {}
{{- end }}
{{- end }}
