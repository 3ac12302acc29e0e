// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"bytes"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/hookstrap/hookstrap/internal/audit"
	"github.com/hookstrap/hookstrap/internal/auditreport"
	"github.com/hookstrap/hookstrap/internal/offline"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// TestAuditSARIFConformsToTheStandard: objects of a cluster have no file, but places that the standard takes.
func TestAuditSARIFConformsToTheStandard(t *testing.T) {
	compiled := sarifSchema(t)
	for title, tt := range map[string]struct {
		object audit.Object
		want   string // what there has to be, or the row says nothing
	}{
		"in a namespace": {audit.Object{Kind: schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"},
			Namespace: "shop", Name: "web"}, `"uri": "shop/Deployment/web"`},
		"in none": {audit.Object{Kind: schema.GroupVersionKind{Version: "v1", Kind: "Node"}, Name: "a:b"}, `"uri": "Node/a:b"`},
		"nothing": {audit.Object{}, `"results": []`},
	} {
		t.Run(title, func(t *testing.T) {
			report, err := auditreport.Collect(func(yield func(audit.Result, error) bool) {
				result := audit.Result{Object: tt.object, Owner: tt.object}
				if tt.object.Name != "" {
					result.Findings = []audit.Finding{{
						Check: "team", Mode: handler.Deny, Message: "say which team", Refuses: true, Effect: audit.CreationDenied,
					}}
				}
				yield(result, nil)
			}, nil)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := report.WriteSARIF(&out, offline.Tool{Name: "webhook"}, configuration(t, "{team: {mode: deny}}")); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(out.String(), tt.want) {
				t.Fatalf("no %s in %s", tt.want, &out)
			}
			if err := conforms(t, compiled, out.String()); err != nil {
				t.Errorf("%v:\n%s", err, &out)
			}
		})
	}
}
