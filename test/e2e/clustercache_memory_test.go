// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	admissionv1 "k8s.io/api/admission/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

const (
	configLookups = configHead + "checks: {ingressHosts: {requireTLS: false, failurePolicy: Fail}, podDisruptionBudgets: {}}\n"
	// longPaths and manyPaths are how many Ingresses have one path of 1.2 MB, and 5,000 short ones.
	longPaths, manyPaths = 210, 30
	deployments          = 2000
	// crowded is for how long a busy machine may take to read all of it.
	crowded = 2 * time.Minute
)

// crowd is a cluster full of other people's objects, and the server in it.
type crowd struct {
	*site.Site
	client                  kubernetes.Interface
	config, health, metrics string
	binary                  string
	server                  *process.Server
	target                  *hostileTarget
}

// TestOtherPeoplesObjectsCostLittle: tenants' Ingresses of 1.2 MB, and 2,000 ordinary Deployments of 10 kB, neither stop
// the server from starting nor kill it while they change, whether the API server streams its lists or not. One tenant
// has more routes than can be kept: that is told, his own requests fail, and it is over when they are gone.
func TestOtherPeoplesObjectsCostLittle(t *testing.T) {
	c := newCrowd(t)
	c.start(t)
	c.awaitMetric(t, `hookstrap_cluster_cache_objects{type="*v1.Deployment (replicas)"} `+fmt.Sprint(deployments))
	event := awaitEvent(t, c.Site, "ClusterCacheFull", corev1.EventTypeWarning)
	if !strings.Contains(event.Message, `Ingress objects of namespace "many" are not looked at`) {
		t.Errorf("the event does not say what is missing: %s", event.Message)
	}
	c.verdict(t, "many", "free.example.com", `of namespace \"many\" are not looked at`)
	c.verdict(t, "shop", "free.example.com", "")
	c.verdict(t, "shop", "long-7.example.com", `is taken by Ingress \"long-7\" in namespace \"long\"`)

	c.change(t)
	c.peak(t, "while objects changed")
	must(t, c.client.NetworkingV1().Ingresses("many").DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}))
	c.awaitMetric(t, `hookstrap_cluster_cache_missing_objects{type="*v1.Ingress (routes)"} 0`)
	awaitEvent(t, c.Site, "ClusterCacheComplete", corev1.EventTypeNormal)
	c.verdict(t, "many", "free.example.com", "")
	c.verdict(t, "many", "new.example.com", `is taken by Ingress \"new\" in namespace \"long\"`)
	must(t, c.server.Stop())

	// As with an API server that cannot stream lists.
	t.Setenv("KUBE_FEATURE_WatchListClient", "false")
	c.start(t)
	c.verdict(t, "shop", "long-7.example.com", `is taken by Ingress \"long-7\" in namespace \"long\"`)
	c.change(t)
	c.peak(t, "without streams")
	must(t, c.server.Stop())
}

func newCrowd(t *testing.T) *crowd {
	t.Helper()
	plane := clustertest.Start(t)
	cfg := plane.Config()
	cfg.QPS, cfg.ContentType = -1, runtime.ContentTypeProtobuf
	c := &crowd{client: mustClient(t, cfg), config: filepath.Join(t.TempDir(), "checks.yaml")}
	must(t, os.WriteFile(c.config, []byte(configLookups), 0o600))
	var err error
	c.binary, err = binary()
	must(t, err)
	c.fill(t)
	c.Site = site.New(t, plane, site.Options{Edit: func(shipped *site.Shipped) {
		allChecks, err := site.Render(t.Context(), plane, "manifests/overlays/all-checks")
		must(t, err)
		shipped.ClusterRole.Rules = allChecks.ClusterRole.Rules
	}})
	return c
}

// fill creates what is other people's.
func (c *crowd) fill(t *testing.T) {
	t.Helper()
	began := time.Now()
	for _, name := range []string{"long", "many", "team"} {
		_, err := c.client.CoreV1().Namespaces().Create(t.Context(),
			&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
		must(t, err)
	}
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(8)
	for i := range longPaths {
		group.Go(func() error {
			return c.ingress(ctx, "long", fmt.Sprint("long-", i), []string{"/" + strings.Repeat("p", 1_200_000)})
		})
	}
	for i := range manyPaths {
		group.Go(func() error {
			var paths []string
			for j := range 5000 {
				paths = append(paths, fmt.Sprint("/", j))
			}
			return c.ingress(ctx, "many", fmt.Sprint("many-", i), paths)
		})
	}
	for i := range deployments {
		group.Go(func() error { return c.deployment(ctx, i) })
	}
	must(t, group.Wait())
	t.Logf("the cluster was filled in %s", time.Since(began).Round(time.Second))
}

// ingress creates one whose host is called as itself.
func (c *crowd) ingress(ctx context.Context, namespace, name string, paths []string) error {
	o := &networkingv1.Ingress{}
	o.Name = name
	exact := networkingv1.PathTypeExact
	rule := networkingv1.IngressRule{Host: name + ".example.com"}
	rule.HTTP = &networkingv1.HTTPIngressRuleValue{}
	for _, path := range paths {
		backend := networkingv1.IngressServiceBackend{Name: "a", Port: networkingv1.ServiceBackendPort{Number: 80}}
		rule.HTTP.Paths = append(rule.HTTP.Paths, networkingv1.HTTPIngressPath{
			Path: path, PathType: &exact, Backend: networkingv1.IngressBackend{Service: &backend}})
	}
	rule.HTTP.Paths = append(rule.HTTP.Paths, networkingv1.HTTPIngressPath{
		Path: "/", PathType: &exact, Backend: rule.HTTP.Paths[0].Backend})
	o.Spec.Rules = []networkingv1.IngressRule{rule}
	_, err := c.client.NetworkingV1().Ingresses(namespace).Create(ctx, o, metav1.CreateOptions{})
	return err
}

func (c *crowd) deployment(ctx context.Context, i int) error {
	o := &appsv1.Deployment{}
	o.Name = fmt.Sprint("web-", i)
	o.Annotations = map[string]string{"notes": strings.Repeat("n", 4000)}
	labels := map[string]string{"app": o.Name, "tier": "front"}
	o.Spec.Selector = &metav1.LabelSelector{MatchLabels: labels}
	o.Spec.Template.Labels, o.Spec.Paused = labels, true // or controllers would make Pods
	container := corev1.Container{Name: "app", Image: "registry.example/app:1.2.3"}
	for j := range 50 {
		container.Env = append(container.Env, corev1.EnvVar{Name: fmt.Sprint("VARIABLE_", j), Value: strings.Repeat("v", 100)})
	}
	o.Spec.Template.Spec.Containers = []corev1.Container{container}
	_, err := c.client.AppsV1().Deployments("team").Create(ctx, o, metav1.CreateOptions{})
	return err
}

// start runs the real server in the memory of the manifests, until it is ready.
func (c *crowd) start(t *testing.T) {
	t.Helper()
	c.health = fmt.Sprintf("127.0.0.1:%d", clustertest.FreePort(t))
	c.metrics = fmt.Sprintf("127.0.0.1:%d", clustertest.FreePort(t))
	t.Setenv("POD_UID", podUID)
	began := time.Now()
	c.server = startBinary(t, c.Site, c.binary, "--config="+c.config, "--metrics-bind-address="+c.metrics,
		"--health-probe-bind-address="+c.health)
	c.target = &hostileTarget{address: fmt.Sprintf("127.0.0.1:%d", c.Port), server: c.server}
	clustertest.EventuallyWithin(t, crowded, func(ctx context.Context) error { return readyz(ctx, c.health) })
	t.Logf("ready after %s", time.Since(began).Round(time.Millisecond))
	c.peak(t, "when it is ready")
}

// peak wants the memory to have been bounded, and leaves room for reviews.
func (c *crowd) peak(t *testing.T, when string) {
	t.Helper()
	peak := c.target.memory(t)
	t.Logf("%s: the server has taken %d MiB at most", when, peak>>20)
	if peak > mostMemory*9/10 {
		t.Errorf("%s: the server has taken %d MiB of %d", when, peak>>20, mostMemory>>20)
	}
}

func (c *crowd) awaitMetric(t *testing.T, line string) {
	t.Helper()
	clustertest.EventuallyWithin(t, crowded, func(ctx context.Context) error {
		_, body, err := fetch(ctx, "http://"+c.metrics+"/metrics")
		if err == nil && !strings.Contains(body, "\n"+line+"\n") {
			var has []string
			for text := range strings.Lines(body) {
				if strings.HasPrefix(text, "hookstrap_cluster_cache") {
					has = append(has, strings.TrimSpace(text))
				}
			}
			err = fmt.Errorf("the metrics do not have %s, but %q", line, has)
		}
		return err
	})
}

// verdict waits until the server denies an Ingress for a host with these words; "" admits it.
func (c *crowd) verdict(t *testing.T, namespace, host, want string) {
	t.Helper()
	o := map[string]any{
		"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": map[string]any{"name": "asks", "namespace": namespace},
		"spec": map[string]any{"rules": []any{map[string]any{"host": host}}},
	}
	raw, err := json.Marshal(o)
	must(t, err)
	body, err := json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID: "1", Kind: metav1.GroupVersionKind{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress"},
			Resource:  metav1.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"},
			Operation: admissionv1.Create, Name: "asks", Namespace: namespace, Object: runtime.RawExtension{Raw: raw},
		},
	})
	must(t, err)
	clustertest.Eventually(t, func(ctx context.Context) error {
		_, answer, err := c.target.post(ctx, body)
		allowed := strings.Contains(answer, `"allowed":true`)
		if err == nil && (allowed != (want == "") || !strings.Contains(strings.ReplaceAll(answer, `\\\"`, `\"`), want)) {
			err = fmt.Errorf("host %s in namespace %s: got %s, want %q", host, namespace, answer, want)
		}
		return err
	})
}

// change updates many of the objects, and waits until the server has heard of the last.
func (c *crowd) change(t *testing.T) {
	t.Helper()
	patch := fmt.Sprintf(`{"metadata":{"labels":{"changed":"at-%d"}}}`, time.Now().UnixNano())
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(8)
	for i := range 100 {
		group.Go(func() error {
			_, err := c.client.NetworkingV1().Ingresses("long").Patch(ctx, fmt.Sprint("long-", i),
				types.MergePatchType, []byte(patch), metav1.PatchOptions{})
			return err
		})
	}
	for i := range 300 {
		group.Go(func() error {
			_, err := c.client.AppsV1().Deployments("team").Patch(ctx, fmt.Sprint("web-", i), types.MergePatchType,
				[]byte(patch), metav1.PatchOptions{})
			return err
		})
	}
	must(t, group.Wait())
	err := c.client.NetworkingV1().Ingresses("long").Delete(t.Context(), "new", metav1.DeleteOptions{})
	if err != nil && !strings.Contains(err.Error(), "not found") {
		t.Fatal(err)
	}
	must(t, c.ingress(t.Context(), "long", "new", []string{"/new"}))
	c.verdict(t, "shop", "new.example.com", `is taken by Ingress \"new\" in namespace \"long\"`)
}
