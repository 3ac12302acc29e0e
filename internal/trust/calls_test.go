// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"
)

// TestCalls: the entries that name our Service, with the port that they name, or 443.
func TestCalls(t *testing.T) {
	crd, api := Target{CRD, "widgets.example.com"}, Target{APIService, "v1.example.org"}
	i := newInjector(t, hookstrap(), crd, api)
	if got := i.Calls(); len(got) > 0 {
		t.Errorf("calls %v before anything was read", got)
	}
	i.views[0].set(read(t, `
webhooks:
- {name: a, clientConfig: {service: {namespace: apps, name: web}}}
- {name: b, clientConfig: {service: {namespace: apps, name: web, port: 8443}}}
- {name: c, clientConfig: {service: {namespace: apps, name: db, port: 1}}}
- {name: d, clientConfig: {url: "https://web.apps.svc"}}
`))
	i.views[1].set(read(t, `
spec: {conversion: {webhook: {clientConfig: {service: {namespace: apps, name: web, port: 9443}}}}}
`))
	i.views[2].set(object(t, `
spec: {insecureSkipTLSVerify: true, service: {namespace: apps, name: web}}
`))
	want := []Call{{hookstrap(), "a", 443}, {hookstrap(), "b", 8443}, {crd, "", 9443}, {api, "", 443}}
	if diff := cmp.Diff(want, i.Calls()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// read is an object with numbers as a client of the API server decodes them.
func read(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	obj := &unstructured.Unstructured{}
	if err := json.Unmarshal(data, &obj.Object); err != nil {
		t.Fatal(err)
	}
	return obj
}

// TestVerifyByAnotherName: what calls this server by another of its names needs a caBundle, what calls another server is
// not ours to judge. A host that only a wildcard of ours covers is another server.
func TestVerifyByAnotherName(t *testing.T) {
	ca := newCA(t, "our-ca", noon().Add(time.Hour))
	names := []string{"web.apps.svc", "second.apps.svc", "laptop.example.com", "*.wild.example.com"}
	leaf := ca.leaf(t, func(c *x509.Certificate) { c.DNSNames = names })
	good := base64.StdEncoding.EncodeToString(NewBundle(ca.cert).PEM())
	for name, tc := range map[string]struct{ config, want string }{
		"another server":        {`{url: "https://elsewhere.example.com"}`, ""},
		"another Service":       {`{service: {namespace: apps, name: db}}`, ""},
		"url without a bundle":  {`{url: "https://laptop.example.com:8443/x"}`, "laptop.example.com"},
		"url with a bundle":     {fmt.Sprintf(`{url: "https://laptop.example.com:8443/x", caBundle: %q}`, good), ""},
		"second name without":   {`{service: {namespace: apps, name: second}}`, "second.apps.svc"},
		"second name with":      {fmt.Sprintf(`{service: {namespace: apps, name: second}, caBundle: %q}`, good), ""},
		"under our wildcard":    {`{url: "https://other.wild.example.com"}`, ""},
		"nothing":               {`{}`, ""},
		"a url that is no url":  {`{url: "https://%zz"}`, ""},
		"url by address, empty": {`{url: "https://127.0.0.1"}`, ""},
	} {
		i := newInjector(t, hookstrap())
		i.SetNames(names)
		i.views[0].set(object(t, fmt.Sprintf("webhooks:\n- {name: ours, clientConfig: {service: {namespace: apps, name: web}, "+
			"caBundle: %q}}\n- {name: other, clientConfig: %s}\n", good, tc.config)))
		err := i.Verify([]*x509.Certificate{leaf}, "web.apps.svc", noon())
		if (err == nil) != (tc.want == "") || err != nil && (!strings.Contains(err.Error(), `webhook "other"`) ||
			!strings.Contains(err.Error(), "not trusted for "+tc.want)) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}
