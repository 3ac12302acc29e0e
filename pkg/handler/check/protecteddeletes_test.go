// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

func deleteOf(t *testing.T, manifest string) *handler.Request {
	t.Helper()
	req := requestOf(t, admissionv1.Delete, manifest)
	req.Object, req.OldObject = runtime.RawExtension{}, req.Object
	return req
}

func TestProtectedDeletes(t *testing.T) {
	object := func(kind, metadata string) string { return `{apiVersion: ` + kind + `, metadata: {` + metadata + `}}` }
	set := func(more string) string {
		return object(`apps/v1, kind: StatefulSet`, `name: db, namespace: shop`+more)
	}
	namespace := object(`v1, kind: Namespace`, `name: prod-shop, labels: {stage: prod}`)
	const is = "is protected from being deleted: "
	const configured = ": " + is + "it is among objects[0] of the configuration; change that first"
	for title, tt := range map[string]struct{ params, object, want string }{
		"nothing said": {``, set(``), ``},
		"its label": {``, set(`, labels: {hookstrap.dev/protected: "true"}`),
			"metadata.labels[hookstrap.dev/protected]: " + is + "it has the label hookstrap.dev/protected=true; remove that first"},
		"its annotation": {``, set(`, annotations: {hookstrap.dev/protected: "true"}`),
			"metadata.annotations[hookstrap.dev/protected]: " + is + "it has the annotation hookstrap.dev/protected=true; remove that first"},
		"another value": {``, set(`, labels: {hookstrap.dev/protected: "false"}`), ``},
		"another label": {`labels: {allow-deletes: "false"}`, set(`, labels: {allow-deletes: "false"}`),
			"metadata.labels[allow-deletes]: " + is + "it has the label allow-deletes=false; remove that first"},
		"being deleted":         {``, set(`, labels: {hookstrap.dev/protected: "true"}, deletionTimestamp: "2026-01-01T00:00:00Z"`), ``},
		"a kind":                {`objects: [{kinds: [statefulsets.apps]}]`, set(``), configured},
		"another kind":          {`objects: [{kinds: [namespaces, deployments.apps]}]`, set(``), ``},
		"a name":                {`objects: [{kinds: [statefulsets.apps], names: [x, d*]}]`, set(``), configured},
		"another name":          {`objects: [{kinds: [statefulsets.apps], names: [d]}]`, set(``), ``},
		"a namespace":           {`objects: [{kinds: [statefulsets.apps], namespaces: [shop]}]`, set(``), configured},
		"another namespace":     {`objects: [{kinds: [statefulsets.apps], namespaces: [sh]}]`, set(``), ``},
		"labels":                {`objects: [{kinds: [namespaces], labels: {stage: prod}}]`, namespace, configured},
		"not all labels":        {`objects: [{kinds: [namespaces], labels: {stage: prod, team: shop}}]`, namespace, ``},
		"a Namespace by name":   {`objects: [{kinds: [namespaces], names: ["prod-*"]}]`, namespace, configured},
		"Namespaces of a name":  {`objects: [{kinds: [namespaces, secrets], namespaces: [x]}]`, namespace, ``},
		"one's own kind":        {`objects: [{kinds: [widgets.example.com]}]`, object(`example.com/v7, kind: Widget`, `name: w`), configured},
		"the second of objects": {`objects: [{kinds: [pods]}, {kinds: [namespaces]}]`, namespace, ": " + is + "it is among objects[1] of the configuration; change that first"},
	} {
		t.Run(title, func(t *testing.T) {
			check := built(t, definition(t, "protectedDeletes"), tt.params)
			got, err := check.Evaluate(t.Context(), deleteOf(t, tt.object))
			var want []string
			if tt.want != "" {
				want = []string{tt.want}
			}
			if diff := cmp.Diff(want, shown(got)); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
			if response := answer(t, check, deleteOf(t, tt.object)); response.Allowed != (tt.want == "") {
				t.Errorf("the server says %v", response)
			}
			for _, operation := range []admissionv1.Operation{admissionv1.Create, admissionv1.Update} {
				req := requestOf(t, operation, tt.object)
				req.OldObject = req.Object
				if response := answer(t, check, req); !response.Allowed {
					t.Errorf("%s: %v", operation, response)
				}
			}
		})
	}
	if errs := (protectedDeletes{}).Validate(field.NewPath("p")); len(errs) != 1 || errs[0].Field != "p.objects" {
		t.Errorf("a check of nothing: %v", errs)
	}
	testInvalid(t, "protectedDeletes", `objects: [{kinds: [statefulsets, pod, clusterroles.rbac.authorization.k8s.io], names: [a/b, "system:*"], namespaces: [Shop, "a.b", "s*"]}]`,
		"p.objects[0].kinds[0]", "p.objects[0].kinds[1]", "p.objects[0].kinds[2]", "p.objects[0].names[0]", "p.objects[0].namespaces[0]", "p.objects[0].namespaces[1]")
	testInvalid(t, "protectedDeletes", `objects: [{names: [""], namespaces: [""]}, {kinds: [Pod, pods, "a b.c"]}]`,
		"p.objects[0].kinds", "p.objects[0].names[0]", "p.objects[0].namespaces[0]", "p.objects[1].kinds[0]", "p.objects[1].kinds[2]")
}

// What a Namespace or an owner has left behind goes, or neither would ever end. Any other user is denied.
func TestProtectedDeletesOfWhatIsLeftBehind(t *testing.T) {
	for user, allowed := range map[string]bool{
		"system:serviceaccount:kube-system:namespace-controller":      true,
		"system:serviceaccount:kube-system:generic-garbage-collector": true,
		"system:kube-controller-manager":                              true,
		"system:serviceaccount:shop:namespace-controller":             false,
		"system:serviceaccount:kube-system:addon":                     false,
		"kubernetes-admin": false,
	} {
		d := definition(t, "protectedDeletes")
		req := exampleOf(t, d, d.Doc.Denied)
		req.UserInfo.Username = user
		if got := answer(t, built(t, d, ""), req); got.Allowed != allowed {
			t.Errorf("%s: allowed: %t", user, got.Allowed)
		}
	}
}

// Without the object it cannot be told whether it is protected.
func TestProtectedDeletesOfWhatIsNotSent(t *testing.T) {
	d := definition(t, "protectedDeletes")
	req := exampleOf(t, d, d.Doc.Denied)
	req.OldObject = runtime.RawExtension{}
	if got := answer(t, built(t, d, ""), req); got.Allowed || got.Result.Code != 500 {
		t.Errorf("got %v", got)
	}
}
