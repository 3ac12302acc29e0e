// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/internal/clustercache"
	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
	"github.com/hookstrap/hookstrap/pkg/handler/mutation"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// checkSite is a site whose server runs one check at a time, and looks things up with the rights that the component of
// all checks gives.
type checkSite struct {
	*site.Site
	handler *handler.Handler
	cluster client.Reader
}

func newCheckSite(t *testing.T) *checkSite {
	t.Helper()
	s := &checkSite{Site: site.New(t, shared, site.Options{
		Manifests: "manifests/overlays/all-checks",
		Edit:      func(shipped *site.Shipped) { limitClusterScope(&shipped.Configuration, t.Name()) },
	})}
	s.startCache(t)
	s.serve(t)
	return s
}

// siteLabel is on cluster-scoped objects, and says which test's they are.
const siteLabel = "e2e.hookstrap.dev/test"

// limitClusterScope moves the rules for cluster-scoped objects to entries which ask about those of one test only: no
// namespace says that the others are those of other tests.
func limitClusterScope(configuration *admissionv1.ValidatingWebhookConfiguration, test string) {
	isClusterWide := func(rule admissionv1.RuleWithOperations) bool { return *rule.Scope == admissionv1.ClusterScope }
	var entries []admissionv1.ValidatingWebhook
	for _, entry := range configuration.Webhooks {
		wide := *entry.DeepCopy()
		entry.Rules = slices.DeleteFunc(entry.Rules, isClusterWide)
		entries = append(entries, entry)
		wide.Rules = slices.DeleteFunc(wide.Rules, func(r admissionv1.RuleWithOperations) bool { return !isClusterWide(r) })
		if len(wide.Rules) > 0 {
			wide.Name = "cluster." + wide.Name
			wide.ObjectSelector = &metav1.LabelSelector{MatchLabels: map[string]string{siteLabel: test}}
			entries = append(entries, wide)
		}
	}
	configuration.Webhooks = entries
}

// clusterWide is the manifest of a role, or of the binding of one, for the whole cluster; it is false for other objects.
func (s *checkSite) clusterWide(t *testing.T, manifest, name string) (string, bool) {
	t.Helper()
	var object unstructured.Unstructured
	must(t, yaml.Unmarshal([]byte(manifest), &object.Object))
	if kind := object.GetKind(); kind != "Role" && kind != "RoleBinding" {
		return "", false
	}
	object.SetKind("Cluster" + object.GetKind())
	object.SetName(name)
	object.SetNamespace("")
	object.SetLabels(map[string]string{siteLabel: t.Name()})
	text, err := object.MarshalJSON()
	must(t, err)
	return string(text), true
}

// startCache fills a cache with all that any check looks up.
func (s *checkSite) startCache(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	t.Cleanup(cancel)
	installGatewayAPI(t)
	cluster := clustercache.New(ctx, s.Config(t))
	for _, d := range check.Definitions() {
		must(t, cluster.Add(t.Context(), d.Reads...))
	}
	s.cluster = cluster
}

func (s *checkSite) serve(t *testing.T) {
	t.Helper()
	options := s.BootstrapOptions(t)
	boot, err := bootstrap.New(options)
	must(t, err)
	s.handler, err = handler.New(handler.Options{Entries: []handler.Entry{{Check: check.ImageTag{}}}})
	must(t, err)
	host, portText, err := net.SplitHostPort(options.SelfAddress)
	must(t, err)
	port, err := strconv.Atoi(portText)
	must(t, err)
	listener := webhook.NewServer(webhook.Options{Host: host, Port: port, TLSOpts: []func(*tls.Config){boot.TLSOption}})
	listener.Register("/validate", s.handler)
	ctx, cancel := context.WithCancel(klog.NewContext(context.WithoutCancel(t.Context()), site.Logger(t)))
	var running sync.WaitGroup
	running.Go(func() { _ = boot.Start(ctx) })
	running.Go(func() { _ = listener.Start(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	(&site.Server{Bootstrapper: boot}).AwaitReady(t)
	clustertest.Eventually(t, func(ctx context.Context) error {
		if err := s.Admit(ctx, site.BadImage); err == nil || !strings.Contains(err.Error(), "imageTag") {
			return fmt.Errorf("the API server does not ask us yet: %w", admittedOr(err))
		}
		return nil
	})
}

// admittedOr is an error also for what was admitted, where it should have been denied.
func admittedOr(err error) error {
	if err == nil {
		return errors.New("it was admitted")
	}
	return err
}

// only runs one check, with parameters in YAML.
func (s *checkSite) only(t *testing.T, d handler.Definition, parameters string) {
	t.Helper()
	p := d.NewParameters()
	must(t, yaml.UnmarshalStrict([]byte(parameters), p))
	if errs := d.Validate(field.NewPath(d.Name), p); len(errs) > 0 {
		t.Fatal(errs)
	}
	c, err := d.Build(p, handler.Environment{Cluster: s.cluster})
	must(t, err)
	must(t, s.handler.SetChecks(handler.Entry{Check: c}))
}

// definitionOf is the built-in check or mutation of that name.
func definitionOf(t *testing.T, name string) handler.Definition {
	t.Helper()
	for _, d := range append(check.Definitions(), mutation.Definitions()...) {
		if d.Name == name {
			return d
		}
	}
	t.Fatalf("there is no check or mutation %q", name)
	return handler.Definition{}
}

// renamed is a manifest for another name and namespace.
func renamed(t *testing.T, manifest, name, namespace string) string {
	t.Helper()
	var object unstructured.Unstructured
	must(t, yaml.Unmarshal([]byte(manifest), &object.Object))
	object.SetName(name)
	object.SetNamespace(namespace)
	text, err := object.MarshalJSON()
	must(t, err)
	return string(text)
}

// kubectl runs kubectl with that input and returns all that it says.
func kubectl(t *testing.T, input string, args ...string) (string, error) {
	t.Helper()
	return kubectlIn(t.Context(), input, args...)
}

func kubectlIn(ctx context.Context, input string, args ...string) (string, error) {
	cmd := shared.Kubectl(ctx, args...)
	cmd.Stdin = strings.NewReader(input)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	err := cmd.Run()
	return strings.TrimSpace(output.String()), err
}

// step is a command line of kubectl, and what it is to print.
type step struct{ command, want string }

// wantSaid runs command lines of kubectl in a namespace, one after the other.
func wantSaid(t *testing.T, namespace string, steps ...step) {
	t.Helper()
	for _, s := range steps {
		said, _ := kubectl(t, "", strings.Fields("--namespace="+namespace+" "+s.command)...)
		if !strings.Contains(said, s.want) {
			t.Errorf("kubectl %s has printed %q, want %q", s.command, said, s.want)
		}
	}
}

func mustApply(t *testing.T, manifest string) {
	t.Helper()
	if said, err := kubectl(t, manifest, "apply", "-f", "-"); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
}

// eventuallyDenied waits until a check denies the manifest: the cache may still have to hear of another object.
func eventuallyDenied(t *testing.T, manifest, name string) {
	t.Helper()
	var said string
	clustertest.Eventually(t, func(context.Context) (err error) {
		said, err = kubectl(t, manifest, "apply", "--dry-run=server", "-f", "-")
		if err == nil || !strings.Contains(said, "denied by 1 check: "+name+": ") {
			return fmt.Errorf("not denied by %s: %s: %w", name, said, admittedOr(err))
		}
		return nil
	})
	t.Log(said)
}

// eventuallyAdmitted waits until no check denies the manifest any more.
func eventuallyAdmitted(t *testing.T, manifest string) {
	t.Helper()
	clustertest.Eventually(t, func(context.Context) error {
		if said, err := kubectl(t, manifest, "apply", "--dry-run=server", "-f", "-"); err != nil {
			return fmt.Errorf("not admitted: %s: %w", said, err)
		}
		return nil
	})
}
