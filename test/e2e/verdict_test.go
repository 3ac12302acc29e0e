// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// verdictSite is a site with all checks, the real server within the memory of our manifests, and a client that sends an
// object as it is: JSON would escape what the API server escapes, and be too long for it.
type verdictSite struct {
	*site.Site
	client kubernetes.Interface
	server *process.Server
}

const verdictConfig = configHead + "checks: {imageTag: {mode: deny}, anonymousAccess: {}, services: {}, ingressHosts: {}}\n"

func newVerdictSite(t *testing.T) *verdictSite {
	t.Helper()
	s := &verdictSite{Site: site.New(t, shared, site.Options{
		Manifests: "manifests/overlays/all-checks",
		Edit: func(shipped *site.Shipped) {
			limitClusterScope(&shipped.Configuration, t.Name())
			for i := range shipped.Configuration.Webhooks { // The API server's counters know them by nothing but their names.
				shipped.Configuration.Webhooks[i].Name = "verdict." + shipped.Configuration.Webhooks[i].Name
				// A busy machine may take longer than an entry with failurePolicy Ignore waits, which would let objects pass.
				shipped.Configuration.Webhooks[i].TimeoutSeconds = ptr.To[int32](30)
			}
		},
	})}
	cfg := rest.CopyConfig(shared.Config())
	cfg.ContentType = runtime.ContentTypeProtobuf
	cfg.QPS = -1
	cfg.Impersonate = rest.ImpersonationConfig{UserName: "mallory", Groups: []string{"system:masters"}}
	s.client = mustClient(t, cfg)
	executable, err := binary()
	must(t, err)
	config := filepath.Join(t.TempDir(), "checks.yaml")
	must(t, os.WriteFile(config, []byte(verdictConfig), 0o600))
	health := fmt.Sprintf("127.0.0.1:%d", clustertest.FreePort(t))
	s.server = startBinary(t, s.Site, executable, "--config="+config, "--health-probe-bind-address="+health)
	clustertest.Eventually(t, func(ctx context.Context) error { return readyz(ctx, health) })
	clustertest.Eventually(t, func(ctx context.Context) error { return s.isAsked(ctx) })
	return s
}

// isAsked is an error unless all entries are asked, as one is that denies what has no padding.
func (s *verdictSite) isAsked(ctx context.Context) error {
	for kind, create := range s.forbidden(1) {
		if err := create(ctx); !isDenied(err) {
			return fmt.Errorf("%s: the API server does not ask us yet: %w", kind, admittedOr(err))
		}
	}
	return nil
}

// isDenied says that a check had the object refused, and not anything else.
func isDenied(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), "denied by 1 check: ")
}

// padding is what the API server makes six bytes of each.
func padding(size int) string { return strings.Repeat("<", size) }

// padded is metadata that is as long as one likes: there is no limit for the name of an owner.
func padded(size int) metav1.ObjectMeta {
	return metav1.ObjectMeta{GenerateName: "padded-", OwnerReferences: []metav1.OwnerReference{
		{APIVersion: "v1", Kind: "ConfigMap", Name: padding(size), UID: types.UID("6d5a3c0e-0000-4000-8000-000000000000")},
	}}
}

// forbidden creates, by kind, what checks of the entry that fails open are there to refuse, with so much padding.
func (s *verdictSite) forbidden(size int) map[string]func(context.Context) error {
	meta, dryRun := padded(size), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "system:unauthenticated"}},
	}
	path := networkingv1.HTTPIngressPath{Path: "/", PathType: new(networkingv1.PathTypePrefix), Backend: networkingv1.IngressBackend{
		Service: &networkingv1.IngressServiceBackend{Name: "web", Port: networkingv1.ServiceBackendPort{Number: 80}},
	}}
	ingress := &networkingv1.Ingress{ObjectMeta: meta, Spec: networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{{
		Host: "*.example.com", IngressRuleValue: networkingv1.IngressRuleValue{
			HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{path}},
		},
	}}}}
	service := &corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{
		ExternalIPs: []string{"198.51.100.7"}, Ports: []corev1.ServicePort{{Port: 80}},
	}}
	return map[string]func(context.Context) error{
		"RoleBinding": func(ctx context.Context) error {
			_, err := s.client.RbacV1().RoleBindings(s.Target).Create(ctx, binding.DeepCopy(), dryRun)
			return err
		},
		"Ingress": func(ctx context.Context) error {
			_, err := s.client.NetworkingV1().Ingresses(s.Target).Create(ctx, ingress.DeepCopy(), dryRun)
			return err
		},
		"Service": func(ctx context.Context) error {
			_, err := s.client.CoreV1().Services(s.Target).Create(ctx, service.DeepCopy(), dryRun)
			return err
		},
	}
}

// TestNoObjectIsTooLargeForAVerdict: what the API server accepts is judged, however much it becomes on its way to us,
// also by the entry that fails open; and eight at a time do not take more memory than there is.
func TestNoObjectIsTooLargeForAVerdict(t *testing.T) {
	t.Parallel()
	s := newVerdictSite(t)
	for _, size := range []int{1_250_000, 2_900_000} {
		for kind, create := range s.forbidden(size) {
			if err := create(t.Context()); !isDenied(err) {
				t.Errorf("a %s with %d characters that are escaped: %.300v", kind, size, admittedOr(err))
			}
		}
	}
	t.Run("update", s.updatesDeployment)
	t.Run("finalizer", s.losesFinalizer)
	t.Run("crowd", s.answersCrowd)
	metrics, err := s.Admin.Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(t.Context())
	must(t, err)
	if open := lines(string(metrics), "apiserver_admission_webhook_fail_open_count{", `name="verdict.`); len(open) > 0 {
		t.Errorf("entries have failed open: %q", open)
	}
	peak, err := s.server.PeakMemory()
	must(t, err)
	t.Logf("the server has taken %d MiB at most", peak>>20)
	if peak > mostMemory {
		t.Errorf("the server has taken %d MiB, of %d", peak>>20, mostMemory>>20)
	}
}

func (s *verdictSite) updatesDeployment(t *testing.T) {
	labels := map[string]string{"app": "padded"}
	pod := site.Pod(site.GoodImage).Spec
	pod.Containers[0].Args = []string{padding(620_000)}
	pod.RestartPolicy = corev1.RestartPolicyAlways
	deployments := s.client.AppsV1().Deployments(s.Target)
	_, err := deployments.Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "padded"},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(0)), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: pod},
		},
	}, metav1.CreateOptions{})
	must(t, err)
	paused := []byte(`{"spec":{"paused":true}}`)
	_, err = deployments.Patch(t.Context(), "padded", types.MergePatchType, paused, metav1.PatchOptions{})
	must(t, err)
	image := []byte(`[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"` + site.BadImage + `"}]`)
	_, err = deployments.Patch(t.Context(), "padded", types.JSONPatchType, image, metav1.PatchOptions{})
	if !isDenied(err) {
		t.Errorf("an update for the worse: %.300v", admittedOr(err))
	}
}

// losesFinalizer deletes Pods that are kept by a finalizer, and takes that away. One of them has control characters, of
// which each takes six bytes in JSON, so that no review of it fits.
func (s *verdictSite) losesFinalizer(t *testing.T) {
	pods := s.client.CoreV1().Pods(s.Target)
	for name, args := range map[string]string{"escaped": padding(620_000), "control": strings.Repeat("\x01", 700_000)} {
		pod := site.Pod(site.GoodImage)
		pod.ObjectMeta = metav1.ObjectMeta{Name: name, Finalizers: []string{"example.com/keeps"}}
		pod.Spec.Containers[0].Args = []string{args}
		_, err := pods.Create(t.Context(), pod, metav1.CreateOptions{})
		must(t, err)
		must(t, pods.Delete(t.Context(), name, metav1.DeleteOptions{}))
		_, err = pods.Patch(t.Context(), name, types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
		if err != nil {
			t.Errorf("%s: %.300v", name, err)
		}
	}
}

// answersCrowd sends eight large ones at a time. Those for which there is no memory at the moment come again by
// themselves, as client-go does what the answer says. The Pods of another user are admitted as if there were none.
func (s *verdictSite) answersCrowd(t *testing.T) {
	create := s.forbidden(2_900_000)["RoleBinding"]
	var crowd sync.WaitGroup
	for range 8 {
		crowd.Go(func() {
			if err := create(t.Context()); !isDenied(err) {
				t.Errorf("one of a crowd: %.300v", admittedOr(err))
			}
		})
	}
	for range 20 {
		if err := s.Admit(t.Context(), site.GoodImage); err != nil {
			t.Errorf("beside a crowd: %.300v", err)
		}
	}
	crowd.Wait()
}
