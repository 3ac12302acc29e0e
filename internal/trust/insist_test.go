// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestInjectionAnnotation(t *testing.T) {
	for annotations, want := range map[string]string{
		`{cert-manager.io/inject-ca-from: ns/cert}`:              "cert-manager.io/inject-ca-from",
		`{cert-manager.io/inject-ca-from-secret: ns/cert}`:       "cert-manager.io/inject-ca-from-secret",
		`{cert-manager.io/inject-apiserver-ca: "true"}`:          "cert-manager.io/inject-apiserver-ca",
		`{cert-manager.io/inject-apiserver-ca: "false"}`:         "",
		`{service.beta.openshift.io/inject-cabundle: "true"}`:    "service.beta.openshift.io/inject-cabundle",
		`{cert-manager.io/inject-ca-from: "", example.com/a: b}`: "",
		`{}`: "",
	} {
		if got := injection(object(t, "metadata: {annotations: "+annotations+"}")); got != want {
			t.Errorf("%s: got %q, want %q", annotations, got, want)
		}
	}
}

// What another manager insists on is neither taken out nor put in order, as long as all that has to be there is, and
// nothing distrusted.
func TestToleratedBundles(t *testing.T) {
	ca := func(name string) Bundle { return NewBundle(newCA(t, name, noon().Add(time.Hour)).cert) }
	ours, old, theirs := ca("ours"), ca("old"), ca("theirs")
	merged := slices.Concat(theirs.PEM(), ours.PEM())
	if bytes.Equal(merged, ours.Union(theirs).PEM()) {
		merged = slices.Concat(ours.PEM(), theirs.PEM())
	}
	exact := Policy{Bundle: ours, Exact: true, known: old, published: ours.Union(old)}
	injected, insisted, stolen := exact, exact, exact
	injected.injected, insisted.insisted = true, theirs
	stolen.injected, stolen.Distrusted = true, []string{Fingerprint(theirs.Certificates()[0])}
	union := Policy{Bundle: ours, published: ours, injected: true}
	for name, tc := range map[string]struct {
		live   []byte
		policy Policy
		want   []byte
	}{
		"annotated":                     {merged, injected, merged},
		"put back":                      {merged, insisted, merged},
		"annotated, external signer":    {merged, union, merged},
		"nobody insists":                {merged, exact, ours.Union(theirs).PEM()},
		"ours is missing":               {theirs.PEM(), injected, ours.Union(theirs).PEM()},
		"annotated, with a retired one": {ours.Union(theirs).Union(old).PEM(), injected, ours.Union(theirs).PEM()},
		"put back, with a retired one":  {ours.Union(theirs).Union(old).PEM(), insisted, ours.Union(theirs).PEM()},
		"annotated, only ours":          {ours.Union(old).PEM(), injected, ours.PEM()},
		"distrusted":                    {merged, stolen, ours.PEM()},
		"garbage beside":                {append([]byte("-----BEGIN x\n"), merged...), injected, ours.Union(theirs).PEM()},
	} {
		if got, _, _ := want(tc.live, tc.policy, noon()); !bytes.Equal(got, tc.want) {
			t.Errorf("%s: becomes\n%s\nwant\n%s", name, got, tc.want)
		}
	}
}

// Another manager who puts a CA back that we took out insists on it, for an hour. A CA that is there for the first time, is
// our own, was taken out by somebody else, or is put back by a replica of ours is not insisted on.
func TestInsistenceIsSeen(t *testing.T) {
	ca := func(name string) Bundle { return NewBundle(newCA(t, name, noon().Add(time.Hour)).cert) }
	ours, next, theirs := ca("ours"), ca("next"), ca("theirs")
	policy := Policy{Bundle: ours, Exact: true, published: ours}
	var n insistence
	now := noon()
	by := func(manager string, p Policy, live Bundle) Bundle {
		obj := webhooks(t, live.PEM())
		fields := `l: [{manager: ` + manager + `, operation: Update, fieldsV1: {"f:webhooks": {'k:{"name":"w0"}': {"f:clientConfig": {"f:caBundle": {}}}}}}]`
		obj.Object["metadata"].(map[string]any)["managedFields"] = object(t, fields).Object["l"] //nolint:forcetypeassert // As webhooks makes it.
		insisted, _ := n.look(ourScope(), obj, ourScope().slots(obj), p, now)
		return insisted
	}
	look := func(p Policy, live Bundle) Bundle { return by(DefaultFieldManager, p, live) }
	if got := look(policy, ours.Union(theirs).Union(next)); !got.Empty() {
		t.Errorf("at first sight: %s", got.Describe())
	}
	policy.published = ours.Union(next) // Another replica had heard of it first.
	if got := look(policy, ours.Union(theirs).Union(next)); !got.Empty() {
		t.Errorf("a CA of ours: %s", got.Describe())
	}
	look(policy, ours)
	if got := by("helm", policy, ours.Union(theirs)); !got.Empty() {
		t.Errorf("back after somebody else took it out: %s", got.Describe())
	}
	n.took(theirs)
	look(policy, ours)
	if got := look(policy, ours.Union(theirs)); !got.Empty() {
		t.Errorf("put back by a replica: %s", got.Describe())
	}
	n.took(theirs)
	if got := by("helm", policy, ours.Union(theirs)); !got.Equal(theirs) || n.ends(now) != insistedFor {
		t.Errorf("put back: %s, for %s", got.Describe(), n.ends(now))
	}
	now = now.Add(insistedFor - time.Second)
	if got := look(policy, ours.Union(theirs)); !got.Equal(theirs) {
		t.Errorf("put back, and written by us since: %s", got.Describe())
	}
	now = now.Add(time.Second)
	if got := by("helm", policy, ours.Union(theirs)); !got.Empty() || n.ends(now) != 0 {
		t.Errorf("an hour later: %s, for %s", got.Describe(), n.ends(now))
	}
	n.rival = ""
	live := &unstructured.Unstructured{Object: object(t, managedYAML).Object}
	live.Object["webhooks"] = object(t, `l: [{name: two, clientConfig: {service: {namespace: apps, name: web}}}]`).Object["l"]
	if n.look(ourScope(), live, ourScope().slots(live), policy, now); n.rival != "helm" {
		t.Errorf("the manager is %q, want helm", n.rival)
	}
}
