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
  - {manager: hookstrap, operation: Apply, time: "2026-06-01T12:00:00Z",
     fieldsV1: {"f:webhooks": {'k:{"name":"one"}': {"f:clientConfig": {"f:caBundle": {}}}}}}
  - {manager: helm, operation: Update, time: "2026-06-01T11:00:00Z",
     fieldsV1: {"f:webhooks": {'k:{"name":"two"}': {"f:clientConfig": {"f:caBundle": {}}}}}}
  - {manager: kubectl-edit, operation: Update, time: "2026-06-01T11:30:00Z", fieldsV1: {"f:metadata": {"f:labels": {}}}}
`

// earlierYAML is managedYAML as it was before the last two wrote.
const earlierYAML = `
metadata:
  managedFields:
  - {manager: kubectl-create, operation: Update, time: "2026-06-01T10:00:00Z", fieldsV1: {"f:webhooks": {".": {}}}}
  - {manager: kubectl-edit, operation: Update, time: "2026-06-01T10:30:00Z", fieldsV1: {"f:metadata": {"f:labels": {}}}}
`

func TestOverwriter(t *testing.T) {
	const (
		crd = `metadata: {managedFields: [{manager: helm,
  fieldsV1: {"f:spec": {"f:conversion": {"f:webhook": {"f:clientConfig": {"f:caBundle": {}}}}}}}]}`
		apiService = `metadata: {managedFields: [{manager: helm, fieldsV1: {"f:spec": {"f:caBundle": {}}}},
  {manager: b, time: "2026-06-01T12:00:00Z"}]}`
		underOurName = `metadata: {managedFields: [{manager: hookstrap, operation: Apply, fieldsV1: {"f:webhooks":
  {'k:{"name":"one"}': {"f:sideEffects": {}, "f:clientConfig": {"f:caBundle": {}}}}}}]}`
		another = "metadata: {uid: another}"
	)
	for name, tc := range map[string]struct {
		kind        Kind
		right, live string
		webhooks    []string
		want        string
	}{
		"owner of the bundle":         {Validating, earlierYAML, managedYAML, []string{"two"}, "helm"},
		"owner of one of them":        {Mutating, earlierYAML, managedYAML, []string{"one", "two"}, "helm"},
		"emptied: the last writer":    {Validating, earlierYAML, managedYAML, []string{"one"}, "kubectl-edit"},
		"emptied without a trace":     {Validating, managedYAML, managedYAML, []string{"one"}, ""},
		"created again":               {Validating, another, earlierYAML, []string{"one"}, "kubectl-edit"},
		"CRD":                         {CRD, another, crd, nil, "helm"},
		"APIService":                  {APIService, another, apiService, nil, "helm"},
		"APIService's path elsewhere": {CRD, another, apiService, nil, "b"},
		"no managed fields":           {Validating, earlierYAML, `metadata: {name: x}`, []string{"one"}, ""},
		"under our name":              {Validating, another, underOurName, []string{"one"}, "hookstrap"},
		"nobody but us":               {Validating, another, strings.ReplaceAll(crd, "helm", "hookstrap"), nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			right, live := object(t, tc.right), object(t, tc.live)
			if got := overwriter(tc.kind, right, live, tc.webhooks, DefaultFieldManager); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
