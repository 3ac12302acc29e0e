// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"
)

// object reads a live object from YAML.
func object(t testing.TB, text string) *unstructured.Unstructured {
	t.Helper()
	obj := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &obj.Object); err != nil {
		t.Fatal(err)
	}
	return obj
}

func ourService() types.NamespacedName { return types.NamespacedName{Namespace: "apps", Name: "web"} }

// "b25l" is base64 for "one", "dHdv" for "two".
const (
	webhooksYAML = `
webhooks:
- name: one.example.com
  clientConfig: {caBundle: b25l, service: {namespace: apps, name: web, path: /one}}
- name: other-service.example.com
  clientConfig: {caBundle: b25l, service: {namespace: apps, name: db}}
- name: other-namespace.example.com
  clientConfig: {caBundle: b25l, service: {namespace: web, name: apps}}
- name: url.example.com
  clientConfig: {caBundle: b25l, url: "https://web.apps.svc"}
- name: two.example.com
  clientConfig: {caBundle: dHdv, service: {namespace: apps, name: web, port: 8443}}
- name: none.example.com
  clientConfig: {service: {namespace: apps, name: web}}
`
	crdYAML = `
spec:
  conversion:
    strategy: Webhook
    webhook: {clientConfig: {caBundle: b25l, service: {namespace: apps, name: web}}}
`
	apiServiceYAML = `
spec: {caBundle: b25l, service: {namespace: apps, name: web}, group: example.com}
`
)

func TestSlots(t *testing.T) {
	type want struct{ webhook, bundle string }
	three := []want{{"one.example.com", "one"}, {"two.example.com", "two"}, {"none.example.com", ""}}
	for name, tc := range map[string]struct {
		kind Kind
		text string
		want []want
	}{
		"validating":                {Validating, webhooksYAML, three},
		"mutating":                  {Mutating, webhooksYAML, three},
		"no webhooks":               {Validating, `webhooks: []`, nil},
		"nothing":                   {Mutating, `metadata: {name: x}`, nil},
		"CRD":                       {CRD, crdYAML, []want{{"", "one"}}},
		"CRD without conversion":    {CRD, `spec: {group: example.com}`, nil},
		"CRD, strategy None":        {CRD, `spec: {conversion: {strategy: None}}`, nil},
		"CRD of another service":    {CRD, `spec: {conversion: {webhook: {clientConfig: {service: {namespace: a, name: b}}}}}`, nil},
		"APIService":                {APIService, apiServiceYAML, []want{{"", "one"}}},
		"APIService without bundle": {APIService, `spec: {service: {namespace: apps, name: web}}`, []want{{"", ""}}},
		"local APIService":          {APIService, `spec: {group: apps, version: v1}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := scopeOf(Target{tc.kind, "x"}).slots(object(t, tc.text))
			if len(got) != len(tc.want) {
				t.Fatalf("got %d entries %v, want %v", len(got), got, tc.want)
			}
			for i, s := range got {
				if s.webhook != tc.want[i].webhook || string(s.bundle) != tc.want[i].bundle {
					t.Errorf("entry %d: got %s with %q, want %v", i, s.webhook, s.bundle, tc.want[i])
				}
			}
		})
	}
}

// What is written must be found where it is looked for, or it would be written without end.
func TestFillMirrorsSlots(t *testing.T) {
	for kind, text := range map[Kind]string{
		Validating: webhooksYAML, Mutating: webhooksYAML, CRD: crdYAML, APIService: apiServiceYAML,
	} {
		t.Run(string(kind), func(t *testing.T) {
			s := scopeOf(Target{kind, "x"})
			live := object(t, text)
			filled := s.slots(live)
			for i := range filled {
				filled[i].bundle = []byte("new for " + filled[i].webhook)
			}
			after := patched(t, live, decision{patch: fill(s.target.Kind, filled)})
			if diff := cmp.Diff(filled, s.slots(after), cmp.AllowUnexported(slot{})); diff != "" {
				t.Errorf("(-written +found):\n%s", diff)
			}
			reverted := decision{patch: fill(s.target.Kind, s.slots(live))}
			if diff := cmp.Diff(live, patched(t, after, reverted)); diff != "" {
				t.Errorf("writes more than caBundles (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUndecodableBundleIsGarbage(t *testing.T) {
	if got := string(caBundle(map[string]any{"caBundle": "%%%"})); got != "%%%" {
		t.Errorf("got %q", got)
	}
}
