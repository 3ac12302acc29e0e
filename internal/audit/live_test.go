// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// groups is an API server that says which kinds it has, by path. What it does not have, such as an API that is down, it
// answers with an error.
type groups struct {
	t       *testing.T
	answers map[string]any
}

func (g groups) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, ok := g.answers[r.URL.Path]
	if !ok {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		g.t.Error(err)
	}
}

// group prefers the last of its versions.
func group(name string, versions ...string) metav1.APIGroup {
	g := metav1.APIGroup{Name: name}
	for _, version := range versions {
		g.Versions = append(g.Versions, metav1.GroupVersionForDiscovery{GroupVersion: name + "/" + version, Version: version})
	}
	g.PreferredVersion = g.Versions[len(g.Versions)-1]
	return g
}

func resources(version, kind string, verbs ...string) *metav1.APIResourceList {
	name := strings.ToLower(kind) + "s"
	return &metav1.APIResourceList{GroupVersion: version, APIResources: []metav1.APIResource{
		{Name: name, Kind: kind, Namespaced: true, Verbs: verbs}, {Name: name + "/status", Kind: kind, Verbs: verbs},
	}}
}

// A kind is listed once: in a version that the rules name, or else in the preferred one. APIs that are down matter if
// rules name them.
func TestKindsOfACluster(t *testing.T) {
	g := groups{t, map[string]any{
		"/api":    &metav1.APIVersions{Versions: []string{"v1"}},
		"/api/v1": resources("v1", "Pod", "list", "get"),
		"/apis": &metav1.APIGroupList{Groups: []metav1.APIGroup{
			group("named.example", "v1", "v2", "v3"), group("other.example", "v1", "v3"), group("down.example", "v1"),
			group("verbs.example", "v1"),
		}},
		"/apis/named.example/v1": resources("named.example/v1", "Named", "list"),
		"/apis/named.example/v2": resources("named.example/v2", "Named", "list"),
		"/apis/named.example/v3": resources("named.example/v3", "Named", "list"),
		"/apis/other.example/v1": resources("other.example/v1", "Other", "list"),
		"/apis/other.example/v3": resources("other.example/v3", "Other", "list"),
		"/apis/verbs.example/v1": resources("verbs.example/v1", "Verb", "create"),
	}}
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	kinds := func(group string) (paths []string, err error) {
		l, err := newLive(Options{
			Config: &rest.Config{Host: server.URL, QPS: -1},
			Asked:  askedBy(t, "webhooks: [{name: a, rules: [{apiGroups: ["+group+"], apiVersions: [v2], operations: [CREATE], resources: ['*']}]}]"),
		})
		if err != nil {
			t.Fatal(err)
		}
		all, err := l.kinds(t.Context())
		for _, k := range all {
			paths = append(paths, k.path())
		}
		return paths, err
	}
	want := []string{"/api/v1/pods", "/apis/named.example/v2/nameds", "/apis/other.example/v3/others"}
	if got, err := kinds("named.example"); cmp.Diff(want, got) != "" || err != nil {
		t.Errorf("(-want +got):\n%s%v", cmp.Diff(want, got), err)
	}
	want[1] = "/apis/named.example/v3/nameds"
	if got, err := kinds("down.example"); cmp.Diff(want, got) != "" || err == nil || !strings.Contains(err.Error(), "down.example/v1") {
		t.Errorf("(-want +got):\n%s%v", cmp.Diff(want, got), err)
	}
}

// An audit by rules that name nothing would find nothing, and say that all is well.
func TestEntriesOfConfigurations(t *testing.T) {
	const path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/"
	of := func(webhooks ...admissionregistrationv1.ValidatingWebhook) *admissionregistrationv1.ValidatingWebhookConfiguration {
		return &admissionregistrationv1.ValidatingWebhookConfiguration{
			TypeMeta: metav1.TypeMeta{APIVersion: "admissionregistration.k8s.io/v1", Kind: "ValidatingWebhookConfiguration"}, Webhooks: webhooks,
		}
	}
	server := httptest.NewServer(groups{t, map[string]any{
		path + "empty": of(), path + "one": of(admissionregistrationv1.ValidatingWebhook{Name: "one"}),
	}})
	t.Cleanup(server.Close)
	for name, want := range map[string]string{
		"one": "", "empty": `"empty" has no webhook`, "gone": `reading the rules of ValidatingWebhookConfiguration "gone"`,
	} {
		_, err := Entries(t.Context(), &rest.Config{Host: server.URL, QPS: -1}, name)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
}
