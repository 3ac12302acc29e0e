// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/conversion"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// crateV1 is a Crate of version v1: its size is a text such as 3x4. It converts itself, as controller-runtime's types do.
type crateV1 struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		Size string            `json:"size"`
		Tags map[string]string `json:"tags,omitempty"`
	} `json:"spec"`
}

// crateV2 is a Crate of version v2, the hub, which is stored.
type crateV2 struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		Width  int64             `json:"width"`
		Height int64             `json:"height"`
		Tags   map[string]string `json:"tags,omitempty"`
	} `json:"spec"`
}

func (c *crateV1) ConvertTo(hub conversion.Hub) error {
	to := hub.(*crateV2)
	to.Spec.Tags = c.Spec.Tags
	if _, err := fmt.Sscanf(c.Spec.Size, "%dx%d", &to.Spec.Width, &to.Spec.Height); err != nil {
		return fmt.Errorf("reading spec.size: %w", err)
	}
	return nil
}

func (c *crateV1) ConvertFrom(hub conversion.Hub) error {
	from := hub.(*crateV2)
	if from.Spec.Width < 0 {
		return fmt.Errorf("v1 has no width of %d", from.Spec.Width)
	}
	c.Spec.Size, c.Spec.Tags = fmt.Sprintf("%dx%d", from.Spec.Width, from.Spec.Height), from.Spec.Tags
	return nil
}

func (*crateV2) Hub() {}

func (c *crateV1) DeepCopyObject() runtime.Object { copied := *c; return &copied }
func (c *crateV2) DeepCopyObject() runtime.Object { copied := *c; return &copied }

const cratesYAML = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: crates.%[1]s}
spec:
  group: %[1]s
  scope: Namespaced
  names: {plural: crates, singular: crate, kind: Crate}
  versions:
  - {name: v1, served: true, storage: false, schema: {openAPIV3Schema: &any {type: object, x-kubernetes-preserve-unknown-fields: true}}}
  - {name: v2, served: true, storage: true, schema: {openAPIV3Schema: *any}}
  conversion:
    strategy: Webhook
    webhook:
      conversionReviewVersions: [v1]
      clientConfig: {url: "%[2]s/convert", caBundle: %[3]s}
`

// crates is a kind of custom resource whose versions the library converts.
type crates struct {
	namespace, group string
	metrics          string // their URL
	v1, v2           string // how kubectl calls them
}

// newCrates returns when the API server serves both versions. The server has the limits given.
func newCrates(t *testing.T, limits handler.Limits, spoke handler.Spoke[crateV2]) *crates {
	t.Helper()
	registry := prometheus.NewRegistry()
	h, err := handler.New(handler.Options{Limits: limits, Registerer: registry})
	must(t, err)
	c := &crates{namespace: clustertest.Namespace(t, shared)}
	c.group = c.namespace + ".example.com"
	c.v1, c.v2 = "crates.v1."+c.group, "crates.v2."+c.group
	server := httptest.NewTLSServer(h.Converting(
		handler.ConvertFor(schema.GroupVersionKind{Group: c.group, Version: "v2", Kind: "Crate"}, spoke)))
	t.Cleanup(server.Close)
	metrics := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	t.Cleanup(metrics.Close)
	c.metrics = metrics.URL
	bundle := base64.StdEncoding.EncodeToString(encode("CERTIFICATE", server.Certificate().Raw))
	definition := fmt.Sprintf(cratesYAML, c.group, server.URL, bundle)
	said, err := kubectlIn(t.Context(), definition, "create", "-f", "-")
	if err != nil {
		t.Fatalf("kubectl has printed %q: %v", said, err)
	}
	t.Cleanup(func() {
		_, _ = kubectlIn(context.WithoutCancel(t.Context()), "", "delete", "crd", "crates."+c.group, "--wait=false")
	})
	clustertest.Eventually(t, func(ctx context.Context) error {
		for _, version := range []string{c.v1, c.v2} {
			if said, err := kubectlIn(ctx, "", "get", version, "-n", c.namespace); err != nil {
				return fmt.Errorf("kubectl has printed %q: %w", said, err)
			}
		}
		return nil
	})
	return c
}

func (c *crates) crate(version, name, spec string) string {
	return fmt.Sprintf("{apiVersion: %s/%s, kind: Crate, metadata: {name: %s, namespace: %s}, spec: %s}",
		c.group, version, name, c.namespace, spec)
}

// wantSaid runs kubectl, and wants it to print a text; when it is to fail, as its error.
func (c *crates) wantSaid(t *testing.T, fails bool, want, manifest string, args ...string) {
	t.Helper()
	said, err := kubectlIn(t.Context(), manifest, append(args, "-n", c.namespace)...)
	if (err != nil) != fails || !strings.Contains(said, want) {
		t.Errorf("kubectl %q has ended with %v, and printed\n%.600q, want %q", args, err, said, want)
	}
}

// TestConversionsWithKubectl: conversions as people meet them, through the API server.
func TestConversionsWithKubectl(t *testing.T) {
	t.Parallel()
	t.Run("types of controller-runtime", func(t *testing.T) {
		t.Parallel()
		c := newCrates(t, handler.Limits{}, handler.ConvertibleSpoke[crateV1, crateV2]("v1"))
		c.wantSaid(t, false, "created", c.crate("v1", "a", `{size: 3x4, tags: {b: c}}`), "create", "-f", "-")
		c.wantSaid(t, false, `{"height":4,"tags":{"b":"c"},"width":3}`, "", "get", c.v2, "a", "-o=jsonpath={.spec}")
		c.wantSaid(t, false, "patched", "", "patch", c.v2, "a", "--type=merge", `-p={"spec":{"width":5}}`)
		c.wantSaid(t, false, `{"size":"5x4","tags":{"b":"c"}}`, "", "get", c.v1, "a", "-o=jsonpath={.spec}")
		c.wantSaid(t, false, "labeled", "", "label", c.v1, "a", "kept=yes")
		c.wantSaid(t, false, `{"kept":"yes"}`, "", "get", c.v2, "a", "-o=jsonpath={.metadata.labels}")
	})
	t.Run("a conversion that fails", wantFailedConversion)
	t.Run("a conversion of too much", wantConversionOfTooMuch)
	t.Run("more conversions than are waited for", wantConversionsAskedAgain)
}

// wantFailedConversion: the user reads why. What another version can say of the object stays possible.
func wantFailedConversion(t *testing.T) {
	t.Parallel()
	c := newCrates(t, handler.Limits{}, handler.ConvertibleSpoke[crateV1, crateV2]("v1"))
	c.wantSaid(t, true, fmt.Sprintf(`cannot convert Crate "%s/a" from %s/v1 to %[2]s/v2: reading spec.size`, c.namespace, c.group),
		c.crate("v1", "a", `{size: big}`), "create", "-f", "-")
	c.wantSaid(t, false, "created", c.crate("v2", "b", `{width: -1, height: 1}`), "create", "-f", "-")
	c.wantSaid(t, true, "v1 has no width of -1", "", "get", c.v1, "b")
	c.wantSaid(t, false, "-1", "", "get", c.v2, "b", "-o=jsonpath={.spec.width}")
	c.wantSaid(t, false, "deleted", "", "delete", c.v2, "b")
	must(t, hasText(t.Context(), c.metrics, fmt.Sprintf(
		"\nhookstrap_conversion_objects_total{from=\"v2\",kind=\"Crate.%s\",result=\"failed\",to=\"v1\"} ", c.group)))
}

// wantConversionOfTooMuch: an object for which there never is the memory is refused, with what there is. Others are not.
func wantConversionOfTooMuch(t *testing.T) {
	t.Parallel()
	c := newCrates(t, handler.Limits{Decoded: 1}, handler.ConvertibleSpoke[crateV1, crateV2]("v1"))
	var tags strings.Builder
	for i := range 50_000 {
		_, _ = fmt.Fprintf(&tags, "t%d: a, ", i)
	}
	c.wantSaid(t, true, "raise the memory limit", c.crate("v1", "large", `{size: 1x1, tags: {`+tags.String()+`}}`), "create", "-f", "-")
	c.wantSaid(t, false, "created", c.crate("v1", "small", `{size: 1x1}`), "create", "-f", "-")
}

// wantConversionsAskedAgain: three users write while the only place is taken, and there is room for one more to wait. One
// is refused, with a Retry-After, by which the API server asks again. All get what they want.
func wantConversionsAskedAgain(t *testing.T) {
	t.Parallel()
	open := make(chan struct{})
	release := sync.OnceFunc(func() { close(open) })
	defer release()
	c := newCrates(t, handler.Limits{Concurrent: 1, Queued: 1}, handler.SpokeFor("v1",
		func(_ context.Context, from *crateV1, to *crateV2) error {
			<-open
			return from.ConvertTo(to)
		},
		func(_ context.Context, from *crateV2, to *crateV1) error { return to.ConvertFrom(from) }))
	var users sync.WaitGroup
	for _, name := range []string{"a", "b", "c"} {
		users.Go(func() { c.wantSaid(t, false, "created", c.crate("v1", name, `{size: 1x1}`), "create", "-f", "-") })
	}
	clustertest.Eventually(t, func(ctx context.Context) error { return hasText(ctx, c.metrics, `result="refused"`) })
	release()
	users.Wait()
}
