// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"strings"
	"testing"
)

const managedYAML = `
metadata:
  managedFields:
  - {manager: kubectl-create, operation: Update, time: "2026-06-01T10:00:00Z", fieldsV1: {"f:webhooks": {".": {}}}}
  - {manager: hookstrap, operation: Apply, time: "2026-06-01T12:00:00Z", fieldsV1: {"f:webhooks": {'k:{"name":"one"}': {"f:clientConfig": {"f:caBundle": {}}}}}}
  - {manager: helm, operation: Update, time: "2026-06-01T11:00:00Z", fieldsV1: {"f:webhooks": {'k:{"name":"two"}': {"f:clientConfig": {"f:caBundle": {}}}}}}
  - {manager: kubectl-edit, operation: Update, time: "2026-06-01T11:30:00Z", fieldsV1: {"f:metadata": {"f:labels": {}}}}
`

func TestOverwriter(t *testing.T) {
	const (
		crd        = `metadata: {managedFields: [{manager: helm, fieldsV1: {"f:spec": {"f:conversion": {"f:webhook": {"f:clientConfig": {"f:caBundle": {}}}}}}}]}`
		apiService = `metadata: {managedFields: [{manager: helm, fieldsV1: {"f:spec": {"f:caBundle": {}}}}, {manager: b, time: "2026-06-01T12:00:00Z"}]}`
	)
	for name, tc := range map[string]struct {
		kind     Kind
		text     string
		webhooks []string
		want     string
	}{
		"owner of the bundle":         {Validating, managedYAML, []string{"two"}, "helm"},
		"owner of one of them":        {Mutating, managedYAML, []string{"one", "two"}, "helm"},
		"emptied: the last writer":    {Validating, managedYAML, []string{"one"}, "kubectl-edit"},
		"CRD":                         {CRD, crd, nil, "helm"},
		"APIService":                  {APIService, apiService, nil, "helm"},
		"APIService's path elsewhere": {CRD, apiService, nil, "b"},
		"no managed fields":           {Validating, `metadata: {name: x}`, []string{"one"}, ""},
		"nobody but us":               {Validating, strings.ReplaceAll(crd, "helm", "hookstrap"), []string{"one"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := overwriter(tc.kind, object(t, tc.text), tc.webhooks, DefaultFieldManager); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
