// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// serverSide has kubectl apply obj server-side, and returns what kubectl says when that fails.
func serverSide(t *testing.T, obj any, flags ...string) error {
	t.Helper()
	manifest, err := yaml.Marshal(obj)
	must(t, err)
	cmd := shared.Kubectl(t.Context(), append([]string{"apply", "--server-side", "-f", "-"}, flags...)...)
	cmd.Stdin = bytes.NewReader(manifest)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// manifest is n's configuration as its owner has it, with the entries of the given names in that order. All of them
// but "foreign" call our Service; the owner has no caBundle of ours.
func (n *injection) manifest(names ...string) *admissionv1.ValidatingWebhookConfiguration {
	all := n.configuration()
	all.TypeMeta = metav1.TypeMeta{APIVersion: "admissionregistration.k8s.io/v1", Kind: "ValidatingWebhookConfiguration"}
	ours, foreign := all.Webhooks[0], all.Webhooks[1]
	all.Webhooks = nil
	for _, name := range names {
		entry := ours
		if name == "foreign" {
			entry = foreign
		}
		entry.Name = name + ".example.com"
		all.Webhooks = append(all.Webhooks, entry)
	}
	return all
}

// awaitEntries waits until the live entries are those of the given names, in that order, each with its caBundle.
func (n *injection) awaitEntries(t *testing.T, names ...string) {
	t.Helper()
	clustertest.Eventually(t, func(context.Context) error {
		live := n.live(t).Webhooks
		if len(live) != len(names) {
			return fmt.Errorf("%d entries, want %v", len(live), names)
		}
		for i, name := range names {
			want := string(n.bundle().PEM())
			if name == "foreign" {
				want = foreignBundle
			}
			if got := string(live[i].ClientConfig.CABundle); live[i].Name != name+".example.com" || got != want {
				return fmt.Errorf("entry %d is %s with the caBundle\n%s\nwant %s with\n%s", i, live[i].Name, got, name, want)
			}
		}
		return nil
	})
}

// TestOwnerHasTheEntries: the owner of a configuration who applies it server-side removes, renames, moves and adds
// entries as if we were not there, keeps the bundles of the others, and is refused when he claims a caBundle. So it is
// with an object that an earlier release has filled, and for an owner who takes our field manager's name.
func TestOwnerHasTheEntries(t *testing.T) {
	for name, tc := range map[string]struct {
		owner  string
		filled bool // by an earlier release
	}{
		"kubectl":                {"kubectl", false},
		"an earlier release":     {"kubectl", true},
		"our own manager's name": {trust.DefaultFieldManager, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newInjection(t, trust.Validating)
			t.Cleanup(func() { n.remove(t) })
			apply := func(names ...string) {
				t.Helper()
				must(t, serverSide(t, n.manifest(names...), "--field-manager="+tc.owner))
				n.awaitEntries(t, names...)
			}
			must(t, serverSide(t, n.manifest("a", "foreign", "b", "c"), "--field-manager="+tc.owner))
			if tc.filled {
				n.fillByApply(t, "a", "b", "c")
			}
			clock := testingclock.NewFakeClock(time.Now())
			injector := n.start(t, shared.Config(), func(o *trust.InjectorOptions) { o.Clock = clock })
			injector.Publish(trust.Policy{Bundle: n.bundle(), Exact: true})
			n.awaitEntries(t, "a", "foreign", "b", "c")
			if tc.filled {
				n.awaitMigration(t, clock)
			}
			apply("a", "foreign", "b")            // c is gone
			apply("a", "foreign", "renamed")      // b has another name
			apply("renamed", "a", "d", "foreign") // another order, and a new one
			apply("renamed")

			claimed := n.manifest("renamed")
			claimed.Webhooks[0].ClientConfig.CABundle = []byte(foreignBundle)
			err := serverSide(t, claimed, "--field-manager="+tc.owner)
			if err == nil || !strings.Contains(err.Error(), `conflict with "`+trust.DefaultFieldManager+`"`) ||
				!strings.Contains(err.Error(), `.webhooks[name="renamed.example.com"].clientConfig.caBundle`) {
				t.Errorf("a manifest with a caBundle: %v, want a conflict that names us and the field", err)
			}
			n.awaitEntries(t, "renamed")
			if _, errs := n.observed(); len(errs) > 0 {
				t.Errorf("errors %v", errs)
			}
		})
	}
}

// fillByApply writes the bundles as earlier releases did: by server-side apply, which owns the entries too.
func (n *injection) fillByApply(t *testing.T, names ...string) {
	t.Helper()
	encoded := base64.StdEncoding.EncodeToString(n.bundle().PEM())
	var entries []string
	for _, name := range names {
		entries = append(entries, fmt.Sprintf(`{"name":"%s.example.com","clientConfig":{"caBundle":%q}}`, name, encoded))
	}
	patch := fmt.Sprintf(`{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingWebhookConfiguration",
		"metadata":{"name":%q},"webhooks":[%s]}`, n.target.Name, strings.Join(entries, ","))
	_, err := n.admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Patch(t.Context(), n.target.Name,
		types.ApplyPatchType, []byte(patch), metav1.PatchOptions{FieldManager: trust.DefaultFieldManager, Force: new(true)})
	must(t, err)
}

// awaitMigration wants one write that changes nothing but who owns what. It can wait, and so it does: the start of a new
// release takes no request more.
func (n *injection) awaitMigration(t *testing.T, clock *testingclock.FakeClock) {
	t.Helper()
	awaitPostponed(t, clock)
	before := n.live(t)
	clock.Step(time.Minute)
	n.awaitWrites(t, 1)
	after := n.live(t)
	if !equality.Semantic.DeepEqual(before.Webhooks, after.Webhooks) || before.Generation != after.Generation {
		t.Errorf("the entries have changed from\n%v\nto\n%v", before.Webhooks, after.Webhooks)
	}
	if writes, _ := n.observed(); writes[0].Reason != "ownership" {
		t.Errorf("written because of %q", writes[0].Reason)
	}
	if owned := ownedBundles(after.ManagedFields, metav1.ManagedFieldsOperationUpdate); owned != 3 {
		t.Errorf("we own %d caBundles, want 3: %v", owned, after.ManagedFields)
	}
	if owned := ownedBundles(after.ManagedFields, metav1.ManagedFieldsOperationApply); owned != 0 {
		t.Errorf("we still own %d caBundles by server-side apply", owned)
	}
}

// awaitPostponed waits until an injector with this clock has something to write that can wait.
func awaitPostponed(t *testing.T, clock *testingclock.FakeClock) {
	t.Helper()
	clustertest.Eventually(t, func(context.Context) error {
		if !clock.HasWaiters() {
			return errors.New("nothing waits to be written")
		}
		return nil
	})
}

// ownedBundles counts the caBundles that our field manager owns by an operation.
func ownedBundles(fields []metav1.ManagedFieldsEntry, operation metav1.ManagedFieldsOperationType) int {
	owned := 0
	for _, entry := range fields {
		if entry.Manager == trust.DefaultFieldManager && entry.Operation == operation {
			owned += strings.Count(entry.FieldsV1.GetRawString(), `"f:caBundle"`)
		}
	}
	return owned
}

// TestOverlayIsTakenBack: the overlay all-checks has entries more than the base. Going back to the base takes them away,
// from under a running server.
func TestOverlayIsTakenBack(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{Manifests: "manifests/overlays/all-checks", WithoutConfiguration: true})
	t.Cleanup(func() {
		_ = s.Admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Delete(context.WithoutCancel(t.Context()),
			s.Configuration, metav1.DeleteOptions{})
	})
	base, err := site.Render(t.Context(), shared, "manifests")
	must(t, err)
	wide := s.Local(s.Shipped.Configuration)
	narrow := s.Local(base.Configuration)
	if len(wide.Webhooks) <= len(narrow.Webhooks) {
		t.Fatalf("the overlay has %d entries, the base %d", len(wide.Webhooks), len(narrow.Webhooks))
	}
	const gitops = "--field-manager=gitops"
	must(t, serverSide(t, wide, gitops, "--force-conflicts"))
	server := s.Start(t, s.BootstrapOptions(t))
	server.AwaitReady(t)
	for _, manifest := range []*admissionv1.ValidatingWebhookConfiguration{narrow, wide, narrow} {
		must(t, serverSide(t, manifest, gitops))
		clustertest.Eventually(t, func(ctx context.Context) error { return filled(ctx, s, len(manifest.Webhooks)) })
	}
	wantAdmission(t, s)
	if failures := server.Failures(t); failures > 0 {
		t.Errorf("%g failures were counted", failures)
	}
}

// filled returns nil when the site's configuration has so many entries, all with a certificate.
func filled(ctx context.Context, s *site.Site, entries int) error {
	live, err := s.LiveConfiguration(ctx)
	if err != nil {
		return err
	}
	if len(live.Webhooks) != entries {
		return fmt.Errorf("%d entries, want %d", len(live.Webhooks), entries)
	}
	for _, webhook := range live.Webhooks {
		if bundle, err := trust.ParseBundle(webhook.ClientConfig.CABundle); err != nil || bundle.Empty() {
			return fmt.Errorf("%s has the caBundle %q", webhook.Name, webhook.ClientConfig.CABundle)
		}
	}
	return nil
}
