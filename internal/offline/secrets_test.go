// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"strings"
	"testing"
)

// What a controller will make of a manifest is there for those who mount it.
func TestSecretsThatControllersMake(t *testing.T) {
	const manifests = `apiVersion: v1
kind: Secret
metadata: {name: other}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: web, namespace: default}
spec: {secretName: web-tls}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: db, namespace: default}
spec: {target: {name: db-password}}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: queue, namespace: default}
spec: {}
---
apiVersion: bitnami.com/v1alpha1
kind: SealedSecret
metadata: {name: mail, namespace: default}
---
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers: [{name: a, image: "x:1", envFrom: [{secretRef: {name: NAME}}]}]
`
	for name, known := range map[string]bool{
		"other": true, "web-tls": true, "db-password": true, "queue": true, "mail": true, "web": false, "db": false,
	} {
		got := judgeBuiltIn(t, "{danglingReferences: {}}", strings.ReplaceAll(manifests, "NAME", name))
		if want := `Secret "` + name + `" is not in namespace "default"`; strings.Contains(got, want) == known {
			t.Errorf("%s: got %s", name, got)
		}
	}
}
