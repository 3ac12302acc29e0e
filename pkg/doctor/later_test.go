// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// selfSigned is a certificate, PEM, that is valid for a day from then on.
func selfSigned(t *testing.T, from time.Time, names ...string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(from.UnixNano()), Subject: pkix.Name{CommonName: "test"},
		NotBefore: from, NotAfter: from.Add(24 * time.Hour), DNSNames: names, IsCA: len(names) == 0, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// one is a mutating webhook of a Service that is not looked at.
func one(now time.Time, bundle []byte, changes ...func(*Facts, *Entry)) *Facts {
	service := &admissionregistrationv1.ServiceReference{Namespace: "shop", Name: "web"}
	e := FromMutating(&admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "shop", CreationTimestamp: metav1.NewTime(now.Add(-1000 * time.Hour))},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name: "w", ClientConfig: admissionregistrationv1.WebhookClientConfig{Service: service, CABundle: bundle},
			SideEffects:   new(admissionregistrationv1.SideEffectClass),
			FailurePolicy: ptr.To(admissionregistrationv1.Ignore),
			Rules: []admissionregistrationv1.RuleWithOperations{{Operations: []admissionregistrationv1.OperationType{"*"},
				Rule: admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"configmaps"}}}},
		}},
	})[0]
	*e.Rules.SideEffects = admissionregistrationv1.SideEffectClassNone
	f := &Facts{Now: now, Unread: []Unread{{Resource: "services"}}}
	for _, change := range changes {
		change(f, &e)
	}
	f.Entries, f.All = []Entry{e}, append([]Entry{e}, f.All...)
	return f
}

// managedBy is a managed field of the caBundle.
func managedBy(name string) func(*Facts, *Entry) {
	return func(_ *Facts, e *Entry) {
		fields := map[string]any{"f:webhooks": map[string]any{`k:{"name":"w"}`: map[string]any{"f:clientConfig": map[string]any{
			"f:caBundle": map[string]any{}}}}}
		raw, _ := json.Marshal(fields)
		e.Meta.ManagedFields = append(e.Meta.ManagedFields, metav1.ManagedFieldsEntry{Manager: name, FieldsV1: &metav1.FieldsV1{Raw: raw}})
	}
}

func offlineManifest(f *Facts, _ *Entry) { f.Offline, f.Unread = true, nil }

// Each situation has exactly these findings.
func TestLater(t *testing.T) {
	t.Parallel()
	now := time.Now()
	ca, other, expired := selfSigned(t, now.Add(-2*time.Hour)), selfSigned(t, now.Add(-3*time.Hour)), selfSigned(t, now.Add(-48*time.Hour))
	leaf := selfSigned(t, now.Add(-2*time.Hour), "web.shop.svc")
	changed := func(times int64) func(*Facts, *Entry) {
		return func(_ *Facts, e *Entry) { e.Meta.Generation = times }
	}
	rules := func(change func(*admissionregistrationv1.ValidatingWebhook)) func(*Facts, *Entry) {
		return func(_ *Facts, e *Entry) { change(e.Rules) }
	}
	mounted := func(ca, leaf []byte) func(*Facts, *Entry) {
		return func(f *Facts, e *Entry) {
			f.Mounted = map[string][]StoredCA{e.Destination(): {{Secret: "shop/tls", CA: ca, Leaf: leaf}}}
		}
	}
	// Another one for the same Pods, before or after it by name.
	forPods := func(other string) func(*Facts, *Entry) {
		return func(f *Facts, e *Entry) {
			e.Rules.Rules[0].Resources = []string{"pods"}
			second := *e
			second.Object.Name = other
			f.All = append(f.All, second)
		}
	}
	for name, tt := range map[string]struct {
		bundle  []byte
		changes []func(*Facts, *Entry)
		want    []string
	}{
		"nothing":                         {ca, nil, nil},
		"a part has expired":              {slices.Concat(ca, expired), nil, []string{IDBundleSomeExpired}},
		"written by certgen":              {ca, []func(*Facts, *Entry){managedBy("kube-webhook-certgen")}, []string{IDWrittenOnce}},
		"written by Helm":                 {ca, []func(*Facts, *Entry){managedBy("helm")}, []string{IDByManifest}},
		"written by cert-manager":         {ca, []func(*Facts, *Entry){managedBy("cert-manager-cainjector")}, nil},
		"written by two":                  {ca, []func(*Facts, *Entry){managedBy("helm"), managedBy("injector")}, []string{IDTwoManagers}},
		"changed all the time":            {ca, []func(*Facts, *Entry){changed(100_000)}, []string{IDFoughtOver}},
		"changed once a week":             {ca, []func(*Facts, *Entry){changed(300)}, nil},
		"put back twice":                  {ca, []func(*Facts, *Entry){func(f *Facts, e *Entry) { f.PutBack = map[Object]int{e.Object: 2} }}, []string{IDFoughtOver}},
		"put back once":                   {ca, []func(*Facts, *Entry){func(f *Facts, e *Entry) { f.PutBack = map[Object]int{e.Object: 1} }}, nil},
		"a mounted Secret of certgen":     {ca, []func(*Facts, *Entry){mounted(other, leaf)}, []string{IDStoredDiffers}},
		"a mounted Secret that agrees":    {ca, []func(*Facts, *Entry){mounted(ca, leaf)}, nil},
		"a mounted Secret for a client":   {ca, []func(*Facts, *Entry){mounted(other, selfSigned(t, now, "db.shop.svc"))}, nil},
		"a mounted Secret without a leaf": {ca, []func(*Facts, *Entry){mounted(other, nil)}, nil},
		"no rules":                        {ca, []func(*Facts, *Entry){rules(func(w *admissionregistrationv1.ValidatingWebhook) { w.Rules = nil })}, []string{IDRulesEmpty}},
		"all resources": {ca, []func(*Facts, *Entry){rules(func(w *admissionregistrationv1.ValidatingWebhook) {
			w.Rules[0].Resources = []string{"*/*"}
		})}, []string{IDRulesWide}},
		"all groups": {ca, []func(*Facts, *Entry){rules(func(w *admissionregistrationv1.ValidatingWebhook) {
			w.Rules[0].APIGroups = []string{"*"}
		})}, []string{IDRulesWide}},
		"side effects": {ca, []func(*Facts, *Entry){rules(func(w *admissionregistrationv1.ValidatingWebhook) {
			*w.SideEffects = admissionregistrationv1.SideEffectClassSome
		})}, []string{IDSideEffects}},
		"side effects but in dry runs": {ca, []func(*Facts, *Entry){rules(func(w *admissionregistrationv1.ValidatingWebhook) {
			*w.SideEffects = admissionregistrationv1.SideEffectClassNoneOnDryRun
		})}, nil},
		"30 s for Pods": {ca, []func(*Facts, *Entry){rules(func(w *admissionregistrationv1.ValidatingWebhook) {
			w.Rules[0].Resources, w.TimeoutSeconds = []string{"pods"}, ptr.To[int32](30)
		})}, []string{IDTimeoutLong}},
		"30 s for Pods, twice": {ca, []func(*Facts, *Entry){func(f *Facts, e *Entry) {
			e.Again = true
			e.Rules.TimeoutSeconds = ptr.To[int32](16)
			forPods("z")(f, e)
		}}, []string{IDTimeoutLong, IDTimeoutsAddUp}},
		"another one is asked after it":            {ca, []func(*Facts, *Entry){forPods("z")}, []string{IDReinvocation}},
		"another one is asked before it":           {ca, []func(*Facts, *Entry){forPods("a")}, nil},
		"it is asked again":                        {ca, []func(*Facts, *Entry){func(_ *Facts, e *Entry) { e.Again = true }, forPods("z")}, nil},
		"offline, without a caBundle":              {nil, []func(*Facts, *Entry){offlineManifest}, []string{IDBundleLater}},
		"offline, for cert-manager":                {nil, []func(*Facts, *Entry){offlineManifest, annotated}, nil},
		"offline, an empty key":                    {nil, []func(*Facts, *Entry){offlineManifest, annotated, func(_ *Facts, e *Entry) { e.EmptyBundle = true }}, []string{IDBundleKeyEmpty}},
		"offline, a line break":                    {[]byte("\n"), []func(*Facts, *Entry){offlineManifest}, []string{IDBundleUnusable}},
		"offline, made by the template":            {selfSigned(t, now.Add(-time.Minute)), []func(*Facts, *Entry){offlineManifest}, []string{IDBundleRendered}},
		"offline, in the manifest":                 {ca, []func(*Facts, *Entry){offlineManifest}, []string{IDByManifest}},
		"offline, a conversion without a caBundle": {nil, []func(*Facts, *Entry){offlineManifest, conversion}, []string{IDBundleLater}},
		"offline, an APIService that skips":        {nil, []func(*Facts, *Entry){offlineManifest, unverified}, []string{IDUnverified}},
		"all Services":                             {ca, []func(*Facts, *Entry){closed("services")}, []string{IDCoreKind}},
		"all Nodes":                                {ca, []func(*Facts, *Entry){closed("nodes")}, []string{IDCoreKind}},
		"Nodes, which are in no namespace": {ca, []func(*Facts, *Entry){closed("nodes"), rules(func(w *admissionregistrationv1.ValidatingWebhook) {
			w.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}
		})}, []string{IDCoreKind}},
		"some Nodes": {ca, []func(*Facts, *Entry){closed("nodes"), rules(func(w *admissionregistrationv1.ValidatingWebhook) {
			w.ObjectSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}
		})}, nil},
		"some Services": {ca, []func(*Facts, *Entry){closed("services"), rules(func(w *admissionregistrationv1.ValidatingWebhook) {
			w.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}
		})}, nil},
		"all Namespaces": {ca, []func(*Facts, *Entry){closed("namespaces")}, []string{IDCoreKind}},
		"ExternalName": {ca, []func(*Facts, *Entry){func(f *Facts, _ *Entry) {
			f.Unread = nil
			f.Services = []*corev1.Service{{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}, Spec: corev1.ServiceSpec{
				Type: corev1.ServiceTypeExternalName, ExternalName: "web.example.com"}}}
		}}, []string{IDServiceExternal}},
	} {
		var got []string
		for _, f := range Examine(one(now, tt.bundle, tt.changes...)).Findings {
			got = append(got, f.ID)
			if f.Message == "" || f.Why == "" || f.Fix == "" || strings.Contains(f.Message+f.Fix, "%!") {
				t.Errorf("%s: the finding does not say everything: %+v", name, f)
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func annotated(_ *Facts, e *Entry) {
	e.Meta.Annotations = map[string]string{injectors()[0]: "shop/web"}
}

func conversion(_ *Facts, e *Entry) { e.Object.Kind, e.Webhook, e.Rules = KindCRD, "", nil }

func unverified(_ *Facts, e *Entry) {
	e.Object.Kind, e.Webhook, e.Rules, e.Insecure = KindAPIService, "", nil, true
}

func closed(resource string) func(*Facts, *Entry) {
	return func(_ *Facts, e *Entry) {
		e.Rules.Rules[0].Resources, *e.Rules.FailurePolicy = []string{resource}, admissionregistrationv1.Fail
	}
}

// Conditions are judged by their text. What distinguishes cases is taken to know them.
func TestConditions(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		`true`:  "",
		`false`: IDConditionFalse,
		`object.metadata.namespace != "namespaceObject"`:                                          IDConditionNull,
		`request.namespace != "namespaceObject"`:                                                  "",
		`namespaceObject.metadata.labels['a'] == 'b'`:                                             IDConditionFails,
		`has(namespaceObject.metadata) && namespaceObject.metadata.name == 'a'`:                   IDConditionFalse,
		`!has(namespaceObject.metadata) || namespaceObject.metadata.name == 'a'`:                  IDConditionTrue,
		`object.metadata.name == 'a'`:                                                             IDConditionNull,
		`oldObject.metadata.name == 'a'`:                                                          IDConditionNull,
		`request.operation == 'DELETE' || object.metadata.name == 'a'`:                            "",
		`object != null && object.metadata.name == 'a'`:                                           "",
		`!(request.userInfo.username in ['object.name'])`:                                         "",
		`!('system:nodes' in request.userInfo.groups)`:                                            "",
		`authorizer.group('').resource('pods').namespace(request.namespace).check('x').allowed()`: "",
	} {
		f := one(time.Now(), selfSigned(t, time.Now().Add(-time.Hour)), func(_ *Facts, e *Entry) {
			e.Rules.MatchConditions = []admissionregistrationv1.MatchCondition{{Name: "c", Expression: expression}}
		})
		got := ""
		for _, found := range Examine(f).Findings {
			got += found.ID
		}
		if got != want {
			t.Errorf("%s: %q, want %q", expression, got, want)
		}
	}
}

// A caBundle that comes back is counted once for an object; a rotation is no fight.
func TestHistory(t *testing.T) {
	t.Parallel()
	for bundles, want := range map[string]int{"a": 0, "aaaa": 0, "abcdefghijklmn": 0, "aba": 1, "abab": 2, "abbbaa": 1, "abcabc": 3} {
		var h History
		got := 0
		for _, b := range bundles {
			f := one(time.Now(), []byte(string(b)))
			second := f.All[0]
			second.Webhook = "second"
			f.All = append(f.All, second)
			h.Note(f)
			got = f.PutBack[f.All[0].Object]
		}
		if got != want {
			t.Errorf("%s: put back %d times, want %d", bundles, got, want)
		}
	}
}
