// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// ingress is a manifest with rules for hosts; a host may have paths behind it, as in "a.example /x /y".
func ingress(namespace, name, tls string, hosts ...string) string {
	var rules []string
	for _, host := range hosts {
		host, rest, _ := strings.Cut(host, " ")
		rule := `{host: "` + host + `"`
		if rest != "" {
			rule += `, http: {paths: [`
			for path := range strings.FieldsSeq(rest) {
				rule += `{path: "` + path + `"}, `
			}
			rule += `]}`
		}
		rules = append(rules, rule+`}`)
	}
	return `{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: ` + name + `, namespace: ` + namespace +
		`}, spec: {tls: [{hosts: [` + tls + `]}], rules: [` + strings.Join(rules, ", ") + `]}}`
}

func TestIngressHosts(t *testing.T) {
	noTLS := func(i, host string) string {
		return "spec.rules[" + i + `].host: host "` + host + `" has no TLS; list it in spec.tls[].hosts`
	}
	many := func(i, host string) string {
		return "spec.rules[" + i + `].host: host "` + host + `" stands for many; name each host`
	}
	annotated := func(annotations string) string {
		return `{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {namespace: shop, annotations: {` + annotations +
			`}}, spec: {rules: [{host: a.example}]}}`
	}
	const every = "a rule without a host is for every host; name one"
	const backend = `{apiVersion: networking.k8s.io/v1, kind: Ingress, spec: {defaultBackend: {service: {name: x}}}}`
	testRows(t, "ingressHosts", map[string]row{
		"exact":           {object: ingress("shop", "web", "a.example", "a.example /")},
		"no TLS":          {object: ingress("shop", "web", "b.example", "a.example", "b.example"), want: []string{noTLS("0", "a.example")}},
		"TLS by wildcard": {object: ingress("shop", "web", `"*.example"`, "a.example")},
		"one label deep":  {object: ingress("shop", "web", `"*.example"`, "a.b.example"), want: []string{noTLS("0", "a.b.example")}},
		"TLS for nobody":  {object: ingress("shop", "web", ``, "a.example"), want: []string{noTLS("0", "a.example")}},
		"TLS for all": {object: `{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {namespace: shop}, spec: {` +
			`tls: [{secretName: x}], rules: [{host: a.example}, {host: b.c.example}]}}`},
		"TLS by annotation": {params: `tlsAnnotations: [alb.ingress.kubernetes.io/certificate-arn, cert]`,
			object: annotated(`cert: "arn:x"`)},
		"another annotation":   {params: `tlsAnnotations: [tls]`, object: annotated(`cert: x`), want: []string{noTLS("0", "a.example")}},
		"not by annotation":    {params: `tlsAnnotations: [tls]`, object: annotated(`tls: "false"`), want: []string{noTLS("0", "a.example")}},
		"an empty annotation":  {params: `tlsAnnotations: [tls]`, object: annotated(`tls: ""`), want: []string{noTLS("0", "a.example")}},
		"annotations are none": {object: annotated(`tls: "true"`), want: []string{noTLS("0", "a.example")}},
		"TLS not required":     {params: `requireTLS: false`, object: ingress("shop", "web", ``, "a.example")},
		"wildcard":             {object: ingress("shop", "web", `"*.example"`, "*.example"), want: []string{many("0", "*.example")}},
		"wildcard allowed":     {params: `allowWildcards: true`, object: ingress("shop", "web", `"*.example"`, "*.example", "")},
		"no host":              {object: ingress("shop", "web", ``, ""), want: []string{"spec.rules[0].host: " + every}},
		"no host and no TLS": {
			params: `allowWildcards: true`, object: `{apiVersion: networking.k8s.io/v1, kind: Ingress, spec: {rules: [{}]}}`,
			want: []string{"spec.rules[0].host: a rule without a host has no TLS; add a section to spec.tls"},
		},
		"default backend": {object: backend, want: []string{
			"spec.defaultBackend: a default backend is for every host; use rules with hosts",
			"spec.tls: the default backend has no TLS; add a section to spec.tls"}},
		"default backend allowed": {params: `{allowWildcards: true, requireTLS: false}`, object: backend},
	})
	testInvalid(t, "ingressHosts", `unique: always`, "p.unique")
	testInvalid(t, "ingressHosts", `tlsAnnotations: [ok, "a b"]`, "p.tlsAnnotations[1]")
}

func TestIngressHostsAreUnique(t *testing.T) {
	others := []client.Object{
		liveIngress(t, ingress("other", "old", ``, "a.example /x /y/", "c.example", "d.example /")),
		liveIngress(t, ingress("shop", "mine", ``, "b.example /")),
	}
	path := func(i, j, path, host string) []string {
		return []string{"spec.rules[" + i + "].http.paths[" + j + "].path: path " + path + " of host " + host +
			` is taken by Ingress "old" in namespace "other"; choose another`}
	}
	host := func(i, host string) string {
		return "spec.rules[" + i + "].host: host " + host + ` is taken by Ingress "old" in namespace "other"; choose another`
	}
	const free = `requireTLS: false`
	testRows(t, "ingressHosts", map[string]row{
		"another host":           {params: free, cluster: others, object: ingress("shop", "web", ``, "z.example /x")},
		"another path":           {params: free, cluster: others, object: ingress("shop", "web", ``, "a.example / /z")},
		"the same path":          {params: free, cluster: others, object: ingress("shop", "web", ``, "z.example /", "a.example /z /x"), want: path("1", "1", "/x", "a.example")},
		"a slash more":           {params: free, cluster: others, object: ingress("shop", "web", ``, "a.example /x/"), want: path("0", "0", "/x", "a.example")},
		"a slash less":           {params: free, cluster: others, object: ingress("shop", "web", ``, "a.example /y"), want: path("0", "0", "/y", "a.example")},
		"other case":             {params: free, cluster: others, object: ingress("shop", "web", ``, "A.example /x"), want: path("0", "0", "/x", "A.example")},
		"all of the host":        {params: free, cluster: others, object: ingress("shop", "web", ``, "c.example /"), want: path("0", "0", "/", "c.example")},
		"in one's own namespace": {params: free, cluster: others, object: ingress("shop", "web", ``, "b.example /")},
		"oneself":                {params: free, cluster: others, object: ingress("other", "old", ``, "a.example /x")},
		"hosts of one's own": {params: `{requireTLS: false, unique: host}`, cluster: others, object: ingress("shop", "web", ``, "a.example /z", "d.example"), want: []string{
			host("0", "a.example"), host("1", "d.example")}},
		"not compared": {params: `{requireTLS: false, unique: none}`, cluster: others, object: ingress("shop", "web", ``, "a.example /x")},
	})
}

// A wildcard has every host that is one label longer, as the Ingress API has it, no matter which came first.
func TestIngressHostsInWildcards(t *testing.T) {
	others := []client.Object{
		liveIngress(t, ingress("other", "old", ``, "*.w.example /x", "a.v.example /x")),
		liveIngress(t, ingress("other", "older", ``, "b.v.example /x")), liveIngress(t, ingress("shop", "mine", ``, "c.u.example /x")),
	}
	taken := func(field, what, with string) []string {
		return []string{field + ": " + what + with + ` Ingress "old" in namespace "other"; choose another`}
	}
	const at, path = "spec.rules[0].host", "spec.rules[0].http.paths[0].path"
	const unique, free = `{requireTLS: false, allowWildcards: true, unique: host}`, `{requireTLS: false, allowWildcards: true}`
	testRows(t, "ingressHosts", map[string]row{
		"in a wildcard":            {params: unique, object: ingress("shop", "web", ``, "a.w.example"), want: taken(at, "host a.w.example", " is in *.w.example, which is taken by")},
		"in other case":            {params: unique, object: ingress("shop", "web", ``, "A.W.example"), want: taken(at, "host A.W.example", " is in *.w.example, which is taken by")},
		"the same wildcard":        {params: unique, object: ingress("shop", "web", ``, "*.w.example"), want: taken(at, "host *.w.example", " is taken by")},
		"over hosts":               {params: unique, object: ingress("shop", "web", ``, "*.v.example"), want: taken(at, "host *.v.example", " has a.v.example in it, which is taken by")},
		"over hosts in other case": {params: unique, object: ingress("shop", "web", ``, "*.V.example"), want: taken(at, "host *.V.example", " has a.v.example in it, which is taken by")},
		"over one's own":           {params: unique, object: ingress("shop", "web", ``, "*.u.example")},
		"two labels below":         {params: unique, object: ingress("shop", "web", ``, "a.b.w.example")},
		"the domain itself":        {params: unique, object: ingress("shop", "web", ``, "w.example")},
		"over a wildcard":          {params: unique, object: ingress("shop", "web", ``, "*.example")},
		"below a wildcard":         {params: unique, object: ingress("shop", "web", ``, "*.a.w.example")},
		"path in a wildcard":       {params: free, object: ingress("shop", "web", ``, "a.w.example /x"), want: taken(path, "path /x of host a.w.example", " is in *.w.example, which is taken by")},
		"path over hosts":          {params: free, object: ingress("shop", "web", ``, "*.v.example /x/"), want: taken(path, "path /x of host *.v.example", " has a.v.example in it, which is taken by")},
		"other path in a wildcard": {params: free, object: ingress("shop", "web", ``, "a.w.example /")},
		"other path over hosts":    {params: free, object: ingress("shop", "web", ``, "*.v.example /y")},
		"wildcard, not compared":   {params: `{requireTLS: false, allowWildcards: true, unique: none}`, object: ingress("shop", "web", ``, "*.v.example")},
		"wildcard, and not allowed": {params: `{requireTLS: false, unique: host}`, object: ingress("shop", "web", ``, "*.v.example"), want: append(
			[]string{at + `: host "*.v.example" stands for many; name each host`}, taken(at, "host *.v.example", " has a.v.example in it, which is taken by")...)},
	}, others...)
}

// networking.k8s.io/v1beta1 and the kind's first home must not be a way around.
func TestIngressHostsOfOtherVersions(t *testing.T) {
	check := built(t, definition(t, "ingressHosts"), "")
	for _, version := range []string{"networking.k8s.io/v1beta1", "extensions/v1beta1"} {
		manifest := `{apiVersion: ` + version + `, kind: Ingress, metadata: {name: web, namespace: shop}, spec: {}}`
		if got := answer(t, check, requestOf(t, admissionv1.Create, manifest)); got.Allowed {
			t.Errorf("%s is allowed", version)
		}
	}
}

func liveIngress(t *testing.T, manifest string) *networkingv1.Ingress {
	t.Helper()
	obj := &networkingv1.Ingress{}
	mustUnmarshal(t, manifest, obj)
	return obj
}

// Caches list objects in any order, and owners come and go; neither makes an Ingress worse than it was.
func TestIngressHostsWithSeveralOwners(t *testing.T) {
	x, z := liveIngress(t, ingress("one", "x", ``, "a.example")), liveIngress(t, ingress("two", "z", ``, "a.example"))
	found := func(cluster ...client.Object) handler.Violation {
		check := built(t, definition(t, "ingressHosts"), `requireTLS: false`, cluster...)
		got, err := check.Evaluate(t.Context(), requestOf(t, admissionv1.Create, ingress("shop", "web", ``, "a.example")))
		if err != nil || len(got) != 1 {
			t.Fatalf("got %v, %v", got, err)
		}
		return got[0]
	}
	if a, b := found(x, z), found(z, x); !cmp.Equal(a, b) || !strings.Contains(a.Message, `"one"`) {
		t.Errorf("the order matters: %v, %v", a, b)
	}
	if a, b := found(x), found(z); a.Identity != b.Identity {
		t.Errorf("the owner matters: %q, %q", a.Identity, b.Identity)
	}
	testUpdate(t, "ingressHosts", `requireTLS: false`, ingress("shop", "web", ``, "a.example"),
		ingress("shop", "web", ``, "b.example", "a.example"), true, x)
}
