// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/hookstrap/hookstrap/pkg/doctor"
)

// The request is one that the rules and selectors match, in the namespace where it matters least.
func TestRequestFor(t *testing.T) {
	t.Parallel()
	g := probing{gathering: &gathering{facts: &doctor.Facts{}}}
	for _, name := range []string{"kube-system", "shop", "default", "gone"} {
		n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if name == "shop" {
			n.Labels = map[string]string{"team": "a"}
		}
		if name == "gone" {
			n.Status.Phase = corev1.NamespaceTerminating
		}
		g.facts.Namespaces = append(g.facts.Namespaces, n)
	}
	in := func(key string, values ...string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{
			Key: key, Operator: metav1.LabelSelectorOpIn, Values: values}}}
	}
	for name, tt := range map[string]struct {
		group, resource, operation string
		namespaces, objects        *metav1.LabelSelector
		want                       string
	}{
		"everything":               {"*", "*", "*", nil, nil, "a ConfigMap in namespace default"},
		"Pods":                     {"", "pods", "CREATE", nil, nil, "a Pod in namespace default"},
		"a namespace by label":     {"", "pods", "CREATE", in("team", "a"), nil, "a Pod in namespace shop"},
		"kube-system alone":        {"", "pods", "CREATE", in(corev1.LabelMetadataName, "kube-system"), nil, "a Pod in namespace kube-system"},
		"one that ends":            {"", "pods", "CREATE", in(corev1.LabelMetadataName, "gone"), nil, ""},
		"objects by label":         {"apps", "deployments", "*", nil, in("app", "b", "c"), "a Deployment in namespace default map[app:b]"},
		"Namespaces by label":      {"", "namespaces", "CREATE", in("team", "z"), nil, "a Namespace map[team:z]"},
		"updates alone":            {"", "pods", "UPDATE", nil, nil, ""},
		"a subresource":            {"", "pods/exec", "CONNECT", nil, nil, ""},
		"a kind that is not known": {"example.com", "oxen", "*", nil, nil, ""},
	} {
		e := &doctor.Entry{Rules: &admissionregistrationv1.ValidatingWebhook{NamespaceSelector: tt.namespaces, ObjectSelector: tt.objects,
			Rules: []admissionregistrationv1.RuleWithOperations{{Operations: []admissionregistrationv1.OperationType{
				admissionregistrationv1.OperationType(tt.operation)}, Rule: admissionregistrationv1.Rule{
				APIGroups: []string{tt.group}, APIVersions: []string{"*"}, Resources: []string{tt.resource}}}}}}
		got := ""
		if r, ok := g.requestFor(e); ok {
			got = strings.TrimPrefix(r.String(), "the dry-run creation of ")
			if len(r.labels) > 0 {
				got += fmt.Sprintf(" %v", r.labels)
			}
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// Every sample is an object of its kind, without a field that the kind does not have. The tests on a control plane send them.
func TestSamples(t *testing.T) {
	t.Parallel()
	for _, s := range samples() {
		body, err := request{s, "default", nil}.body()
		if err != nil {
			t.Errorf("%s: %v", s.kind, err)
			continue
		}
		object, err := scheme.Scheme.New(s.resource.GroupVersion().WithKind(s.kind))
		if err != nil {
			t.Errorf("%s: %v", s.kind, err)
			continue
		}
		if err := strict(body, object); err != nil {
			t.Errorf("%s: %v", s.kind, err)
		}
	}
}

// An answer says something about an entry only if it names it.
func TestRead(t *testing.T) {
	t.Parallel()
	e := &doctor.Entry{Webhook: "w"}
	for text, want := range map[string]doctor.Probe{
		"": {},
		`Internal error occurred: failed calling webhook "w": failed to call webhook: EOF`: {Failure: "EOF"},
		`admission webhook "w" denied the request: no`:                                     {},
		`admission webhook "w" denied the request without explanation`:                     {},
		`admission webhook "v" denied the request: no`:                                     {Skipped: `because of webhook "v"`},
		`Internal error occurred: failed calling webhook "v": failed to call webhook: EOF`: {Skipped: `because of webhook "v"`},
		`admission webhook "w" does not support dry run`:                                   {Skipped: `because of webhook "w"`},
		`pods "x" is forbidden: exceeded quota`:                                            {Skipped: "before the webhook was called"},
	} {
		var err error
		if text != "" {
			err = errors.New(text)
		}
		got := read(e, "this", err)
		if !has(got.Failure, want.Failure) || !has(got.Skipped, want.Skipped) {
			t.Errorf("%s: %+v, want %+v", text, got, want)
		}
	}
}

func has(text, part string) bool { return (text == "") == (part == "") && strings.Contains(text, part) }

// metrics are lines of an API server of 1.37.
const metrics = `# TYPE apiserver_admission_webhook_admission_duration_seconds histogram
apiserver_admission_webhook_admission_duration_seconds_bucket{name="w",operation="CREATE",rejected="false",type="validating",le="0.005"} 7
apiserver_admission_webhook_admission_duration_seconds_sum{name="w",operation="CREATE",rejected="false",type="validating"} 0.25
apiserver_admission_webhook_admission_duration_seconds_count{name="w",operation="CREATE",rejected="false",type="validating"} 8
apiserver_admission_webhook_admission_duration_seconds_sum{name="w",operation="UPDATE",rejected="true",type="validating"} 0.75
apiserver_admission_webhook_admission_duration_seconds_count{name="w",operation="UPDATE",rejected="true",type="validating"} 2
apiserver_admission_webhook_fail_open_count{name="m",type="admit"} 3
apiserver_admission_webhook_rejection_count{error_type="calling_webhook_error",name="w",operation="CREATE",rejection_code="0",type="validating"} 4
apiserver_admission_webhook_rejection_count{error_type="no_error",name="w",operation="CREATE",rejection_code="403",type="validating"} 5
apiserver_admission_webhook_broken{
process_start_time_seconds 1.7e+09
`

func TestParseMetrics(t *testing.T) {
	t.Parallel()
	m, err := parseMetrics(strings.NewReader(metrics))
	if err != nil {
		t.Fatal(err)
	}
	w, open := m.counts[doctor.Counted{Webhook: "w"}], m.counts[doctor.Counted{Mutating: true, Webhook: "m"}]
	if want := (doctor.Count{Calls: 10, Seconds: 1, Failed: 4, Refused: 5}); w != want || open.FailedOpen != 3 || m.started != "1.7e+09" {
		t.Errorf("got %+v, %+v, %q", w, open, m.started)
	}
}

func FuzzParseMetrics(f *testing.F) {
	f.Add(metrics)
	f.Fuzz(func(_ *testing.T, text string) { _, _ = parseMetrics(strings.NewReader(text)) })
}

// The proxy is known without its password, and the settings by either spelling.
func TestAPIServerOf(t *testing.T) {
	t.Parallel()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "a"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{
		Command: []string{"kube-apiserver", "--service-cluster-ip-range=10.96.0.0/12"},
		Env:     []corev1.EnvVar{{Name: "https_proxy", Value: "http://me:secret@proxy:3128"}, {Name: "NO_PROXY", Value: ".svc"}},
	}}}}
	want := doctor.APIServer{Pod: "kube-system/a", Proxy: "proxy:3128", NoProxy: ".svc", ServiceRange: "10.96.0.0/12"}
	if got := apiServerOf(pod); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	pod.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "HTTPS_PROXY"}}
	if got := apiServerOf(pod); got.Proxy != "" {
		t.Errorf("an empty variable is a proxy: %+v", got)
	}
}

// Of Secrets, keys are not kept, under either of the names.
func TestCertificatesOf(t *testing.T) {
	t.Parallel()
	for _, names := range [][3]string{{"ca.crt", "tls.crt", "tls.key"}, {"ca", "cert", "key"}} {
		got := certificatesOf(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "b"}, Data: map[string][]byte{
			names[0]: []byte("CA"), names[1]: []byte("LEAF"), names[2]: []byte("KEY")}})
		if got.Secret != "a/b" || string(got.CA) != "CA" || string(got.Leaf) != "LEAF" {
			t.Errorf("%v: %+v", names, got)
		}
	}
}

// Manifests tell an empty key from none.
func TestEmptyBundle(t *testing.T) {
	t.Parallel()
	const text = `{"kind":"ValidatingWebhookConfiguration","webhooks":[{"name":"a","clientConfig":{}},` +
		`{"name":"b","clientConfig":{"caBundle":""}},{"name":"c","clientConfig":{"caBundle":null}},` +
		`{"name":"d","clientConfig":{"caBundle":"Cg=="}}]}`
	facts := Manifests([]Manifest{{Kind: admissionregistrationv1.SchemeGroupVersion.WithKind(doctor.KindValidating),
		JSON: []byte(text)}}, "", metav1.Now().Time)
	got := ""
	for _, e := range facts.Entries {
		if e.EmptyBundle {
			got += e.Webhook
		}
	}
	if got != "bc" {
		t.Errorf("the empty keys are those of %q", got)
	}
}

// strict decodes an object, and knows all of its fields.
func strict(body []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}
