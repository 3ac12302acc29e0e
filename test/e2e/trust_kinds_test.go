// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

const mutatingYAML = `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: NAME}
webhooks:
- name: ours.example.com
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: Ignore
  clientConfig: {service: {namespace: NAMESPACE, name: web}}
`

const crdYAML = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.NAME.example.com}
spec:
  group: NAME.example.com
  scope: Cluster
  names: {plural: widgets, singular: widget, kind: Widget}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
  - {name: v2, served: true, storage: false, schema: {openAPIV3Schema: {type: object}}}
  conversion:
    strategy: Webhook
    webhook:
      conversionReviewVersions: [v1]
      clientConfig: {service: {namespace: NAMESPACE, name: web, path: /convert}}
`

// The group is not that of the custom resource: for that one the API server makes an APIService by itself.
const apiServiceYAML = `
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.NAME.example.org}
spec:
  group: NAME.example.org
  version: v1
  groupPriorityMinimum: 100
  versionPriority: 100
  service: {namespace: NAMESPACE, name: web}
`

// kindCase is an object of a kind, in which NAME stands for a name of its own and web.NAMESPACE is our Service.
type kindCase struct {
	name, text string
	resource   schema.GroupVersionResource
	empty      string // a merge patch which takes the bundle away
}

func kindCases() map[trust.Kind]kindCase {
	return map[trust.Kind]kindCase{
		trust.Mutating: {"NAME", mutatingYAML,
			admissionv1.SchemeGroupVersion.WithResource("mutatingwebhookconfigurations"), `{"webhooks": []}`},
		trust.CRD: {"widgets.NAME.example.com", crdYAML,
			schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"},
			`{"spec": {"conversion": {"webhook": {"clientConfig": {"caBundle": null}}}}}`},
		trust.APIService: {"v1.NAME.example.org", apiServiceYAML,
			schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"},
			`{"spec": {"caBundle": null}}`},
	}
}

// in gives the object a name of its own.
func (c kindCase) in(namespace, name string) (objectName, text string) {
	filled := strings.NewReplacer("NAMESPACE", namespace, "NAME", name)
	return filled.Replace(c.name), filled.Replace(c.text)
}

func TestInjectorKinds(t *testing.T) {
	for kind, tc := range kindCases() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			n := newInjection(t, kind)
			name, text := tc.in(n.service.Namespace, n.service.Namespace)
			n.target.Name = name
			client, err := dynamic.NewForConfig(shared.Config())
			must(t, err)
			objects := client.Resource(tc.resource)
			create(t, objects, text)

			// With its clock stopped, it does not come to give up what it owns of a CRD.
			stop := func(o *trust.InjectorOptions) { o.Clock = testingclock.NewFakeClock(time.Now()) }
			injector := n.start(t, shared.Config(), stop)
			injector.Publish(trust.Policy{Bundle: n.bundle(), Exact: true})
			n.await(t, injector)
			wantOnlyBundlesOwned(t, objects, n.target.Name)

			_, err = objects.Patch(t.Context(), n.target.Name, types.MergePatchType, []byte(tc.empty),
				metav1.PatchOptions{FieldManager: "spoiler"})
			must(t, err)
			if kind == trust.Mutating { // the whole list went: there is no entry of ours until it is back
				clustertest.Eventually(t, func(context.Context) error { return reasonIs(injector, "has no entry") })
				return
			}
			n.awaitWrites(t, 2)
			n.await(t, injector)
		})
	}
}

// TestInjectorKeepsSeveralOfEachKind: one server, and two objects of each kind that has an entry for it.
func TestInjectorKeepsSeveralOfEachKind(t *testing.T) {
	t.Parallel()
	n := newInjection(t, trust.Validating)
	client, err := dynamic.NewForConfig(shared.Config())
	must(t, err)
	cases := kindCases()
	cases[trust.Validating] = kindCase{"NAME",
		strings.Replace(mutatingYAML, "kind: Mutating", "kind: Validating", 1),
		admissionv1.SchemeGroupVersion.WithResource("validatingwebhookconfigurations"), ""}
	var targets []trust.Target
	for kind, tc := range cases {
		for _, suffix := range []string{"a", "b"} {
			name, text := tc.in(n.service.Namespace, n.service.Namespace+"-"+suffix)
			create(t, client.Resource(tc.resource), text)
			targets = append(targets, trust.Target{Kind: kind, Name: name})
		}
	}
	injector := n.start(t, shared.Config(), func(o *trust.InjectorOptions) { o.Targets = targets })
	injector.Publish(trust.Policy{Bundle: n.bundle(), Exact: true})
	n.await(t, injector)
	entries := injector.Snapshot()
	if len(entries) != len(targets) {
		t.Fatalf("%d entries, want %d", len(entries), len(targets))
	}
	for _, entry := range entries {
		if !bytes.Equal(entry.CABundle, n.bundle().PEM()) {
			t.Errorf("%s has the caBundle %q", entry.Target, entry.CABundle)
		}
	}
}

func create(t *testing.T, objects dynamic.ResourceInterface, text string) {
	t.Helper()
	obj := &unstructured.Unstructured{}
	must(t, yaml.Unmarshal([]byte(text), &obj.Object))
	_, err := objects.Create(t.Context(), obj, metav1.CreateOptions{FieldManager: "installer"})
	must(t, err)
	t.Cleanup(func() {
		_ = objects.Delete(context.WithoutCancel(t.Context()), obj.GetName(), metav1.DeleteOptions{})
	})
}

// wantOnlyBundlesOwned checks that our field manager owns caBundles and nothing else, not even the list items they are in.
func wantOnlyBundlesOwned(t *testing.T, objects dynamic.ResourceInterface, name string) {
	t.Helper()
	live, err := objects.Get(t.Context(), name, metav1.GetOptions{})
	must(t, err)
	for _, entry := range live.GetManagedFields() {
		if entry.Manager != trust.DefaultFieldManager {
			continue
		}
		owned := entry.FieldsV1.GetRawString()
		for _, structure := range []string{"f:spec", "f:conversion", "f:webhooks", "f:webhook", "f:clientConfig",
			"f:caBundle", `k:{\"name\":\"ours.example.com\"}`} {
			owned = strings.ReplaceAll(owned, `"`+structure+`"`, "")
		}
		if rest := strings.Trim(owned, `{}:,`); rest != "" || entry.Operation != metav1.ManagedFieldsOperationUpdate {
			t.Errorf("we own by %s %s", entry.Operation, entry.FieldsV1.GetRawString())
		}
		return
	}
	t.Errorf("we own nothing: %v", live.GetManagedFields())
}

// account makes a ServiceAccount with rights on the target alone, by name, and returns a client configuration for it
// and a function which changes the rights.
func (n *injection) account(t *testing.T, verbs ...string) (cfg *rest.Config, allow func(verbs ...string)) {
	t.Helper()
	ctx, name := t.Context(), n.service.Namespace
	_, err := n.admin.CoreV1().ServiceAccounts(name).Create(ctx,
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	must(t, err)
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: []rbacv1.PolicyRule{{
		APIGroups:     []string{"admissionregistration.k8s.io"},
		Resources:     []string{"validatingwebhookconfigurations"},
		ResourceNames: []string{n.target.Name},
		Verbs:         verbs,
	}}}
	role, err = n.admin.RbacV1().ClusterRoles().Create(ctx, role, metav1.CreateOptions{})
	must(t, err)
	_, err = n.admin.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: name, Name: name}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
	}, metav1.CreateOptions{})
	must(t, err)
	cfg, err = shared.ServiceAccountConfig(ctx, name, name)
	must(t, err)
	return cfg, func(verbs ...string) {
		role.Rules[0].Verbs = verbs
		role, err = n.admin.RbacV1().ClusterRoles().Update(ctx, role, metav1.UpdateOptions{})
		must(t, err)
	}
}

func TestInjectorRights(t *testing.T) {
	t.Parallel()
	n := newInjection(t, trust.Validating)
	n.create(t)
	cfg, allow := n.account(t, "get")
	injector := n.start(t, cfg, nil)
	injector.Publish(trust.Policy{Bundle: n.bundle(), Exact: true})
	const rule = `on validatingwebhookconfigurations.admissionregistration.k8s.io with resourceNames [%s]`
	says := func(verbs string) func(context.Context) error {
		return func(context.Context) error {
			return reasonIs(injector, "the verb "+verbs+" "+fmt.Sprintf(rule, n.target.Name))
		}
	}
	clustertest.Eventually(t, says(`"list" and "watch"`))
	allow("list", "watch")
	clustertest.Eventually(t, says(`"patch"`))
	allow("list", "watch", "patch")
	n.await(t, injector)
	clustertest.Eventually(t, func(context.Context) error { // the watch may be ahead of the answer to the write
		if got := injector.Snapshot()[0].Reason; got != "" {
			return fmt.Errorf("still complains: %s", got)
		}
		return nil
	})
}

func TestInjectorOutlastsAnOutage(t *testing.T) {
	t.Parallel()
	n := newInjection(t, trust.Validating)
	own := clustertest.Start(t)
	n.admin = mustClient(t, own.Config())
	n.create(t)
	injector := n.start(t, own.Config(), nil)
	injector.Publish(trust.Policy{Bundle: n.bundle(), Exact: true})
	n.await(t, injector)

	must(t, own.StopAPIServer())
	clustertest.Eventually(t, func(context.Context) error { return reasonIs(injector, "check the connection") })
	n.await(t, injector) // what is known still holds
	must(t, own.StartAPIServer(t.Context()))
	n.spoil(t, 0, []byte("garbage"))
	n.awaitWrites(t, 2)
	n.await(t, injector)
	n.wantRight(t, n.bundle())
}
