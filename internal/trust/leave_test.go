// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// An entry that is moved loses what we have put in, and nothing that somebody else has; one that has never been ours, or
// whose caBundle is somebody else's by now, is not touched.
func TestLeave(t *testing.T) {
	ours := NewBundle(newCA(t, "ours", noon().Add(time.Hour)).cert)
	theirs := NewBundle(newCA(t, "theirs", noon().Add(time.Hour)).cert)
	const elsewhere = `{service: {namespace: apps, name: db}}`
	const url = `{url: "https://elsewhere.example.com/x"}`
	const owned = `[{manager: %s, operation: Update, fieldsV1: {"f:webhooks": {'k:{"name":"w0"}': {"f:clientConfig": {"f:caBundle": {}}}}}}]`
	for name, tc := range map[string]struct {
		bundle  Bundle
		config  string
		manager string
		called  map[string]string
		want    *Bundle
	}{
		"to a Service":           {ours, elsewhere, "hookstrap", map[string]string{"w0": "apps/web"}, &Bundle{}},
		"to a URL":               {ours, url, "hookstrap", map[string]string{"w0": "apps/web"}, &Bundle{}},
		"beside another CA":      {ours.Union(theirs), url, "hookstrap", map[string]string{"w0": "apps/web"}, &theirs},
		"has another CA by now":  {theirs, url, "hookstrap", map[string]string{"w0": "apps/web"}, nil},
		"somebody else's by now": {ours.Union(theirs), url, "installer", map[string]string{"w0": "apps/web"}, nil},
		"never ours":             {ours, url, "hookstrap", map[string]string{}, nil},
		"where it was":           {ours, url, "hookstrap", map[string]string{"w0": "https://elsewhere.example.com"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			live := webhooks(t, tc.bundle.PEM())
			entry := listField(live.Object, "webhooks")[1]
			config := object(t, tc.config).Object
			config["caBundle"] = mapField(entry, "clientConfig")["caBundle"]
			entry["clientConfig"] = config
			live.Object["metadata"].(map[string]any)["managedFields"] = object(t, "l: "+fmt.Sprintf(owned, tc.manager)).Object["l"] //nolint:forcetypeassert // As webhooks makes it.
			policy := Policy{Bundle: ours, Exact: true}
			policy.left = leaveOf(ourScope(), live, tc.called, ours, true)
			d, err := decideOf(ourScope(), live, policy)
			if err != nil {
				t.Fatal(err)
			}
			if tc.want == nil {
				if d.reason != "" {
					t.Errorf("sends %v because of %q, want nothing", d.patch, d.reason)
				}
				return
			}
			if d.reason != reasonMoved || d.urgent {
				t.Errorf("reason %q, urgent %t", d.reason, d.urgent)
			}
			after := patched(t, live, d)
			all := placesOf(Validating, after)
			w0 := all[slices.IndexFunc(all, func(p place) bool { return p.webhook == "w0" })]
			if got := caBundle(w0.config); string(got) != string(tc.want.PEM()) {
				t.Errorf("the caBundle becomes %q, want %q", got, tc.want.PEM())
			}
			// What comes back afterwards is somebody's will.
			if again := leaveOf(ourScope(), after, tc.called, ours, true); again != nil || len(tc.called) > 0 {
				t.Errorf("left %v, and still remembers %v", again, tc.called)
			}
		})
	}
}

// A caBundle that would be empty may be what the other Service's server needs: it goes when a rollout is over, if our own
// signer made the CA, and else stays. What has to wait does not hold up the rest.
func TestLeaveWaitsForAnotherService(t *testing.T) {
	ours := NewBundle(newCA(t, "ours", noon().Add(time.Hour)).cert)
	theirs := NewBundle(newCA(t, "theirs", noon().Add(time.Hour)).cert)
	live := webhooks(t, ours.PEM(), ours.Union(theirs).PEM())
	for _, entry := range listField(live.Object, "webhooks")[1:] {
		mapField(entry, "clientConfig")["service"] = map[string]any{"namespace": "apps", "name": "web2"}
	}
	called := func() map[string]string { return map[string]string{"w0": "apps/web", "w1": "apps/web"} }
	left := leaveOf(ourScope(), live, called(), ours, false)
	if len(left) != 1 || left[0].webhook != "w1" || left[0].late {
		t.Errorf("with another signer's CA: left %+v, want w1 at once", left)
	}
	policy := Policy{Bundle: ours, Exact: true, published: ours}
	policy.left = leaveOf(ourScope(), live, called(), ours, true)
	d, err := decideOf(ourScope(), live, policy)
	if err != nil || len(d.entries) != 2 {
		t.Errorf("with our own: %+v, %v, want both entries", d, err)
	}
	var l lateness
	hold := func(now time.Time) ([]slot, time.Duration) {
		held, next := l.hold(ourScope(), live, ourScope().slots(live), policy, d, now)
		return held.left, next
	}
	if left, next := hold(noon()); len(left) > 0 || next != surplusDelay {
		t.Errorf("at first: left %+v, the next after %s", left, next)
	}
	left, next := hold(noon().Add(surplusDelay))
	if len(left) != 1 || left[0].webhook != "w1" || next != unknownDelay-surplusDelay {
		t.Errorf("after moments: left %+v, want w1 alone, the next after %s", left, next)
	}
}

func TestDisownCRD(t *testing.T) {
	ours := Policy{Bundle: NewBundle(newCA(t, "ours", noon().Add(time.Hour)).cert), Exact: true}
	s := scope{target: Target{Kind: CRD, Name: "x"}, service: ourService(), manager: DefaultFieldManager}
	const (
		bundle = `fieldsV1: {"f:spec": {"f:conversion": {"f:webhook": {"f:clientConfig": {"f:caBundle": {}}}}}}`
		mine   = `{manager: hookstrap, operation: Update, ` + bundle + `}`
		old    = `{manager: hookstrap, operation: Apply, ` + bundle + `}`
		owner  = `{manager: owner, operation: Apply, fieldsV1: {"f:spec": {"f:group": {}}}}`
	)
	for name, tc := range map[string]struct{ before, after string }{
		"by a patch":       {"[" + owner + "," + mine + "]", "[" + owner + "]"},
		"by both":          {"[" + old + "," + owner + "," + mine + "]", "[" + owner + "]"},
		"nobody but us":    {"[" + mine + "]", ""},
		"nothing of ours":  {"[" + owner + "]", ""},
		"no fields at all": {"[]", ""},
	} {
		live := object(t, crdYAML)
		live.Object["metadata"] = map[string]any{"uid": "u", "resourceVersion": "7"}
		live = patched(t, live, decision{patch: fill(s.target.Kind, []slot{{bundle: ours.Bundle.PEM()}})})
		set := func(entries string) *unstructured.Unstructured {
			after := live.DeepCopy()
			after.Object["metadata"].(map[string]any)["managedFields"] = object(t, "l: "+entries).Object["l"] //nolint:forcetypeassert // Set above.
			return after
		}
		before := set(tc.before)
		d, err := decideOf(s, before, ours)
		switch {
		case err != nil:
			t.Fatal(err)
		case tc.after == "":
			if d.reason != "" {
				t.Errorf("%s: sends %v because of %q, want nothing", name, d.patch, d.reason)
			}
		case d.reason != reasonOwnership:
			t.Errorf("%s: the reason is %q", name, d.reason)
		default:
			if diff := cmp.Diff(set(tc.after), patched(t, before, d)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	}
}
