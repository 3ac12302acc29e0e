// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/ktesting"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/internal/keeper"
	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// keeping is objects that opt in, their ClusterTrustBundle, and two keepers.
type keeping struct {
	namespace string
	admin     kubernetes.Interface
	objects   dynamic.Interface
	targets   []trust.Target
	patches   atomic.Int64 // of webhook configurations, by both
}

// keepsBundles: two replicas keep objects of each kind, with one write a change, and leave alone what has not opted in.
func keepsBundles(t *testing.T) {
	t.Helper()
	client, err := dynamic.NewForConfig(shared.Config())
	must(t, err)
	k := &keeping{namespace: clustertest.Namespace(t, shared), admin: mustClient(t, shared.Config()), objects: client}
	k.grant(t)
	k.createObjects(t)
	first, second := newTestCA(t, "first"), newTestCA(t, "second")
	k.start(t, "a")
	k.start(t, "b")

	k.publish(t, first.pem())
	k.await(t, k.targets, bundleOf(first))
	k.wantPatches(t, "to fill", 2)

	spoiled := k.targets[0]
	k.spoil(t, spoiled)
	k.await(t, k.targets, bundleOf(first))
	k.wantPatches(t, "to heal one", 1)

	k.publish(t, second.pem())
	k.await(t, k.targets, bundleOf(first, second))
	k.await(t, k.targets, bundleOf(second))
	k.wantPatches(t, "to rotate with overlap", 4)

	// A ClusterTrustBundle that is gone takes nothing away, and what it was is still put back.
	must(t, k.admin.CertificatesV1().ClusterTrustBundles().Delete(t.Context(), k.bundleName(), metav1.DeleteOptions{}))
	k.spoil(t, spoiled)
	k.await(t, k.targets, bundleOf(second))

	// One that opts out stays as it is, while the others are still kept: the event of the spoiled one that has not opted
	// out comes after that of the one that has.
	out, in := spoiled, k.targets[1]
	k.label(t, out, nil)
	k.spoil(t, out)
	k.spoil(t, in)
	k.await(t, k.targets[1:], bundleOf(second))
	if got := k.bundles(t, out)[0]; len(got) > 0 {
		t.Errorf("the caBundle of an object that opted out was written: %s", got)
	}
	if got := k.bundles(t, trust.Target{Kind: trust.Validating, Name: k.namespace + "-other"})[0]; len(got) > 0 {
		t.Errorf("the caBundle of an object that has not opted in was written: %s", got)
	}
}

// keepsOwn: without an annotation, an object has the CA of the authority that runs.
func keepsOwn(t *testing.T) {
	t.Helper()
	client, err := dynamic.NewForConfig(shared.Config())
	must(t, err)
	k := &keeping{namespace: clustertest.Namespace(t, shared), admin: mustClient(t, shared.Config()), objects: client}
	validating := kindCase{name: "NAME", text: strings.Replace(mutatingYAML, "kind: Mutating", "kind: Validating", 1)}
	target := k.add(t, trust.Validating, validating, k.namespace, map[string]string{keeper.Key: keeper.OptedIn}, nil)
	published, err := k.admin.CertificatesV1().ClusterTrustBundles().Get(t.Context(), podSignerBundle, metav1.GetOptions{})
	must(t, err)
	own, err := trust.ParseBundle([]byte(published.Spec.TrustBundle))
	must(t, err)
	k.await(t, []trust.Target{target}, own)
}

func (k *keeping) signer() string { return "keeper.example.com/" + k.namespace }

func (k *keeping) bundleName() string { return "keeper.example.com:" + k.namespace + ":roots" }

func (k *keeping) user() string { return "keeper-" + k.namespace }

// grant gives the keepers the rights of the manifests. What every ServiceAccount may do comes from the cluster.
func (k *keeping) grant(t *testing.T) {
	t.Helper()
	shipped, err := site.Render(t.Context(), shared, "manifests/authority")
	must(t, err)
	roles, meta := k.admin.RbacV1(), metav1.ObjectMeta{Name: k.user()}
	_, err = roles.ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: meta, Rules: shipped.ClusterRole.Rules},
		metav1.CreateOptions{})
	must(t, err)
	_, err = roles.ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{ObjectMeta: meta,
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: meta.Name},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: k.user()}},
	}, metav1.CreateOptions{})
	must(t, err)
}

// start runs the replica of a name until the test ends.
func (k *keeping) start(t *testing.T, name string) {
	t.Helper()
	cfg := shared.Config()
	cfg.Impersonate = rest.ImpersonationConfig{UserName: k.user(), Groups: []string{"system:serviceaccounts", "system:authenticated"}}
	cfg = intercept(cfg, func(r *http.Request) {
		if r.Method == http.MethodPatch && strings.Contains(r.URL.Path, "webhookconfigurations/") {
			k.patches.Add(1)
		}
	})
	typed := rest.CopyConfig(cfg)
	typed.ContentType = runtime.ContentTypeProtobuf
	client, err := dynamic.NewForConfig(cfg)
	must(t, err)
	writing, err := metadata.NewForConfig(cfg)
	must(t, err)
	// The second of them waits longer than the first can take on a slow machine.
	rank := func(uid types.UID) int { return 15 * keeper.NewReplicas(name, "a", "b").Rank(uid) }
	kept, err := keeper.New(keeper.Options{
		Client: client, Metadata: writing, Kubernetes: mustClient(t, typed), Overlap: time.Second, Rank: rank,
	})
	must(t, err)
	logger := ktesting.NewLogger(t, ktesting.NewConfig(ktesting.Verbosity(2)))
	ctx, cancel := context.WithCancel(klog.NewContext(context.WithoutCancel(t.Context()), logger))
	ended := make(chan error, 1)
	go func() { ended <- kept.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		must(t, <-ended)
	})
	clustertest.Eventually(t, func(context.Context) error { return kept.Synced() })
}

func (k *keeping) createObjects(t *testing.T) {
	t.Helper()
	cases := kindCases()
	validating := kindCase{name: "NAME", text: strings.Replace(mutatingYAML, "kind: Mutating", "kind: Validating", 1)}
	of := map[string]string{keeper.Key: "clustertrustbundle/" + k.signer()}
	opted := map[string]string{keeper.Key: keeper.OptedIn}
	k.targets = append(k.targets, k.add(t, trust.Validating, validating, k.namespace, opted, of))
	for _, kind := range []trust.Kind{trust.Mutating, trust.CRD, trust.APIService} {
		k.targets = append(k.targets, k.add(t, kind, cases[kind], k.namespace, opted, of))
	}
	k.add(t, trust.Validating, validating, k.namespace+"-other", nil, of)
}

// add creates an object.
func (k *keeping) add(
	t *testing.T, kind trust.Kind, tc kindCase, name string, labels, annotations map[string]string,
) trust.Target {
	t.Helper()
	name, text := tc.in(k.namespace, name)
	obj := &unstructured.Unstructured{}
	must(t, yaml.Unmarshal([]byte(text), &obj.Object))
	obj.SetLabels(labels)
	obj.SetAnnotations(annotations)
	data, err := yaml.Marshal(obj.Object)
	must(t, err)
	create(t, k.objects.Resource(kind.Resource()), string(data))
	return trust.Target{Kind: kind, Name: name}
}

// publish makes the ClusterTrustBundle what it says.
func (k *keeping) publish(t *testing.T, pem []byte) {
	t.Helper()
	bundles := k.admin.CertificatesV1().ClusterTrustBundles()
	wanted := &certificatesv1.ClusterTrustBundle{ObjectMeta: metav1.ObjectMeta{Name: k.bundleName()},
		Spec: certificatesv1.ClusterTrustBundleSpec{SignerName: k.signer(), TrustBundle: string(pem)}}
	if live, err := bundles.Get(t.Context(), wanted.Name, metav1.GetOptions{}); err == nil {
		wanted.ResourceVersion = live.ResourceVersion
		_, err = bundles.Update(t.Context(), wanted, metav1.UpdateOptions{})
		must(t, err)
		return
	}
	_, err := bundles.Create(t.Context(), wanted, metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() {
		_ = bundles.Delete(context.WithoutCancel(t.Context()), wanted.Name, metav1.DeleteOptions{})
	})
}

// bundles are the live caBundles of a target.
func (k *keeping) bundles(t *testing.T, target trust.Target) [][]byte {
	t.Helper()
	live, err := k.objects.Resource(target.Kind.Resource()).Get(t.Context(), target.Name, metav1.GetOptions{})
	must(t, err)
	type config struct {
		CABundle []byte `json:"caBundle"`
	}
	var object struct {
		Webhooks []struct {
			ClientConfig config `json:"clientConfig"`
		} `json:"webhooks"`
		Spec struct {
			config
			Conversion struct {
				Webhook struct {
					ClientConfig config `json:"clientConfig"`
				} `json:"webhook"`
			} `json:"conversion"`
		} `json:"spec"`
	}
	data, err := live.MarshalJSON()
	must(t, err)
	must(t, json.Unmarshal(data, &object))
	switch target.Kind {
	case trust.CRD:
		return [][]byte{object.Spec.Conversion.Webhook.ClientConfig.CABundle}
	case trust.APIService:
		return [][]byte{object.Spec.CABundle}
	default:
		var all [][]byte
		for _, webhook := range object.Webhooks {
			all = append(all, webhook.ClientConfig.CABundle)
		}
		return all
	}
}

func (k *keeping) await(t *testing.T, targets []trust.Target, want trust.Bundle) {
	t.Helper()
	clustertest.Eventually(t, func(context.Context) error {
		for _, target := range targets {
			for _, got := range k.bundles(t, target) {
				if !bytes.Equal(got, want.PEM()) {
					return fmt.Errorf("a caBundle of %s is\n%s\nwant\n%s", target, got, want.PEM())
				}
			}
		}
		return nil
	})
}

// wantPatches compares how many requests to write webhook configurations there have been since it was last asked.
func (k *keeping) wantPatches(t *testing.T, what string, want int64) {
	t.Helper()
	if got := k.patches.Swap(0); got != want {
		t.Errorf("%s took %d writes of webhook configurations, want %d", what, got, want)
	}
}

// spoil empties the caBundle of a webhook configuration.
func (k *keeping) spoil(t *testing.T, target trust.Target) {
	t.Helper()
	k.patch(t, target, types.JSONPatchType, `[{"op": "remove", "path": "/webhooks/0/clientConfig/caBundle"}]`)
}

func (k *keeping) label(t *testing.T, target trust.Target, value *string) {
	t.Helper()
	data, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": map[string]any{keeper.Key: value}}})
	must(t, err)
	k.patch(t, target, types.MergePatchType, string(data))
}

func (k *keeping) patch(t *testing.T, target trust.Target, kind types.PatchType, patch string) {
	t.Helper()
	_, err := k.objects.Resource(target.Kind.Resource()).Patch(t.Context(), target.Name, kind, []byte(patch),
		metav1.PatchOptions{FieldManager: "spoiler"})
	must(t, err)
}
