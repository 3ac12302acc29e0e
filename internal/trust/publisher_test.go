// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

func bundleScope() scope {
	service := types.NamespacedName{Namespace: "shop", Name: "web"}
	return scope{target: Target{Kind: trustBundle, Name: BundleName("example.com/serving", service)}, manager: "us"}
}

func liveTrustBundle(pem string) *unstructured.Unstructured {
	obj := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"trustBundle": pem}}}
	obj.SetName(bundleScope().target.Name)
	obj.SetUID("uid")
	obj.SetResourceVersion("7")
	return obj
}

func TestTrustBundleDecision(t *testing.T) {
	ours := NewBundle(newCA(t, "ours", noon().Add(time.Hour)).cert)
	foreign := NewBundle(newCA(t, "foreign", noon().Add(time.Hour)).cert)
	for name, tc := range map[string]struct {
		live   *unstructured.Unstructured
		policy Policy
		want   Bundle // empty: nothing is written
		reason string
	}{
		"missing":                  {&unstructured.Unstructured{}, Policy{Bundle: ours, Exact: true}, ours, reasonEmpty},
		"missing, and nothing yet": {&unstructured.Unstructured{}, Policy{}, Bundle{}, ""},
		"right":                    {liveTrustBundle(string(ours.PEM())), Policy{Bundle: ours, Exact: true}, Bundle{}, ""},
		"another's": {liveTrustBundle(string(foreign.PEM())), Policy{Bundle: ours, Exact: true},
			ours, reasonDiffers},
		"one more": {liveTrustBundle(string(foreign.PEM())), Policy{Bundle: ours},
			ours.Union(foreign), reasonDiffers},
		"one more is there": {liveTrustBundle(string(ours.Union(foreign).PEM())), Policy{Bundle: ours, Exact: true},
			ours, reasonSurplus},
		"one more may stay": {liveTrustBundle(string(ours.Union(foreign).PEM())), Policy{Bundle: ours}, Bundle{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := decideOf(bundleScope(), tc.live, tc.policy)
			if err != nil {
				t.Fatal(err)
			}
			if (d.apply == nil) != tc.want.Empty() || d.reason != tc.reason {
				t.Fatalf("writes %v because of %q, want %q", d.apply, d.reason, tc.reason)
			}
			if d.apply == nil {
				return
			}
			spec := mapField(d.apply.Object, "spec")
			if spec["trustBundle"] != string(tc.want.PEM()) || spec["signerName"] != "example.com/serving" {
				t.Errorf("writes %v, want %s", spec, tc.want.Describe())
			}
			if d.apply.GetResourceVersion() != tc.live.GetResourceVersion() || d.apply.GetUID() != tc.live.GetUID() {
				t.Errorf("writes to %s at %q, want what was looked at", d.apply.GetUID(), d.apply.GetResourceVersion())
			}
		})
	}
}

func TestTrustBundleName(t *testing.T) {
	target := bundleScope().target
	if want := "example.com:serving:web.shop.svc"; target.Name != want || target.signer() != "example.com/serving" {
		t.Errorf("%s of signer %s, want %s", target.Name, target.signer(), want)
	}
	if _, err := ParseTarget("clustertrustbundle/name"); err == nil {
		t.Error("a ClusterTrustBundle is taken for a configuration: readiness would wait for it")
	}
}

func TestNewPublisherRefuses(t *testing.T) {
	client, err := dynamic.NewForConfig(&rest.Config{Host: "https://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	good := PublisherOptions{Client: client, SignerName: "example.com/serving",
		Service: types.NamespacedName{Namespace: "shop", Name: "web"}}
	for name, tc := range map[string]struct {
		alter func(*PublisherOptions)
		want  string
	}{
		"nothing":              {func(*PublisherOptions) {}, ""},
		"no client":            {func(o *PublisherOptions) { o.Client = nil }, "client"},
		"no signer":            {func(o *PublisherOptions) { o.SignerName = "" }, "signer"},
		"half a signer":        {func(o *PublisherOptions) { o.SignerName = "example.com/" }, "signer"},
		"no Service":           {func(o *PublisherOptions) { o.Service.Name = "" }, "Service"},
		"no namespace":         {func(o *PublisherOptions) { o.Service.Namespace = "" }, "Service"},
		"a dot in the Service": {func(o *PublisherOptions) { o.Service.Name = "a.b" }, "Service"},
	} {
		options := good
		tc.alter(&options)
		_, err := NewPublisher(options)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want an error that names the %q", name, err, tc.want)
		}
	}
}

// An object that is not there is the same news until the API server tells anything: a create is not repeated before its
// own event has come, and made again when the object goes once more.
func TestAbsenceHasRevisions(t *testing.T) {
	v := &view{changes: &broadcast{}, now: time.Now}
	first := v.get().revision()
	if v.get().revision() != first {
		t.Error("nothing was told, and the revision is another one")
	}
	v.set(nil)
	second := v.get().revision()
	v.set(liveTrustBundle(""))
	third := v.get().revision()
	v.set(nil)
	if fourth := v.get().revision(); second == first || third == second || fourth == second || fourth == third {
		t.Errorf("the revisions %v, %v, %v, %v are not all different", first, second, third, fourth)
	}
}
