// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The words of an API server lead to the finding that its facts would have led to.
func TestClassify(t *testing.T) {
	t.Parallel()
	const call = `failed calling webhook "w": failed to call webhook: `
	for words, want := range map[string]string{
		call + `service "web" not found`:                                                                                                IDServiceMissing,
		call + `no service port 443 found for service "web"`:                                                                            IDServicePort,
		call + `no endpoints available for service "web"`:                                                                               IDEndpointsMissing,
		call + `cannot route to service with ClusterIP "None"`:                                                                          IDServiceHeadless,
		call + `unable to load root certificates: unable to parse bytes`:                                                                IDBundleUnusable,
		call + `Post "https://x": tls: failed to verify certificate: x509: certificate signed by unknown authority`:                     IDUntrusted,
		call + `tls: failed to verify certificate: x509: certificate is valid for a, not b`:                                             IDWrongName,
		call + `tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2 is after 1`:        IDExpired,
		call + `tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 1 is before 2`:       IDNotYetValid,
		call + `tls: failed to verify certificate: x509: certificate specifies an incompatible key usage`:                               IDUsage,
		call + `tls: failed to verify certificate: x509: a root or intermediate certificate is not authorized to sign for this name: x`: IDInvalid,
		call + `http: server gave HTTP response to HTTPS client`:                                                                        IDNotTLS,
		call + `remote error: tls: no application protocol`:                                                                             IDProtocol,
		call + `remote error: tls: handshake failure`:                                                                                   IDHandshake,
		call + `EOF`: IDHandshake,
		call + `dial tcp 127.0.0.1:1: connect: connection refused`:            IDRefused,
		call + `context deadline exceeded`:                                    IDCallTimedOut,
		call + `the server could not find the requested resource`:             IDAnswerInvalid,
		call + `couldn't get version/kind; json parse error: …`:               IDAnswerInvalid,
		call + `proxyconnect tcp: dial tcp 10.0.0.1:3128: connection refused`: IDProxy,
		call + `Bad Gateway`:          IDProxy,
		call + `the cat has eaten it`: IDCallFailed,
	} {
		if got := Classify(words); got != want {
			t.Errorf("%s: %s, want %s", words, got, want)
		}
	}
	known := map[string]bool{}
	for _, p := range Problems() {
		known[p.ID] = true
	}
	if !known[Classify("")] {
		t.Error("an unknown failure has no problem")
	}
}

// What the API server says is judged, and not twice if it is known already.
func TestCalls(t *testing.T) {
	t.Parallel()
	now := time.Now()
	ca := selfSigned(t, now.Add(-2*time.Hour))
	probe := func(p Probe) func(*Facts, *Entry) {
		return func(f *Facts, e *Entry) { f.Probes = map[Called]Probe{{e.Object, e.Webhook}: p} }
	}
	counts := func(c Count) func(*Facts, *Entry) {
		return func(f *Facts, _ *Entry) { f.Counts = map[Counted]Count{{true, "w"}: c} }
	}
	for name, tt := range map[string]struct {
		bundle  []byte
		changes []func(*Facts, *Entry)
		want    []string
		text    string
	}{
		"it was called":       {ca, []func(*Facts, *Entry){probe(Probe{Sent: "this"})}, nil, "this: no failure"},
		"it timed out":        {ca, []func(*Facts, *Entry){probe(Probe{Sent: "this", Failure: "context deadline exceeded"})}, []string{IDCallTimedOut}, "the call failed"},
		"the path is wrong":   {ca, []func(*Facts, *Entry){probe(Probe{Sent: "this", Failure: "could not find the requested resource"})}, []string{IDAnswerInvalid}, ""},
		"it is known already": {[]byte("\n"), []func(*Facts, *Entry){probe(Probe{Sent: "this", Failure: "context deadline exceeded"})}, []string{IDBundleUnusable}, "deadline"},
		"passed without it":   {ca, []func(*Facts, *Entry){probe(Probe{Sent: "this", PassedWithout: true})}, []string{IDCallFailed}, "it passed without"},
		"none was sent":       {ca, []func(*Facts, *Entry){probe(Probe{Skipped: "no kind"})}, nil, "not made: no kind"},
		"it has failed":       {ca, []func(*Facts, *Entry){counts(Count{Calls: 100, Failed: 2, FailedOpen: 3})}, []string{IDFailedBefore}, "2 failed, 3 passed without it"},
		"it is slow":          {ca, []func(*Facts, *Entry){counts(Count{Calls: 100, Seconds: 60})}, []string{IDSlow}, "100 calls, 600ms on average"},
		"it was slow once":    {ca, []func(*Facts, *Entry){counts(Count{Calls: 2, Seconds: 8})}, nil, "4s on average"},
		"it is fast":          {ca, []func(*Facts, *Entry){counts(Count{Calls: 1000, Seconds: 4})}, nil, "4ms on average"},
		"two of the name":     {ca, []func(*Facts, *Entry){counts(Count{Calls: 100, Seconds: 60}), again}, nil, "1 entry of"},
	} {
		report := Examine(one(now, tt.bundle, tt.changes...))
		var got []string
		for _, f := range report.Findings {
			got = append(got, f.ID)
		}
		slices.Sort(got)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		var out bytes.Buffer
		if err := report.WriteText(&out, false); err != nil || !strings.Contains(out.String(), tt.text) {
			t.Errorf("%s: %v: it does not say %q:\n%s", name, err, tt.text, &out)
		}
	}
}

// again is another entry of the same name.
func again(f *Facts, e *Entry) {
	second := *e
	second.Object.Name = "another"
	f.All = append(f.All, second)
}

// What has been said already is not said again, however its message changes.
func TestSince(t *testing.T) {
	t.Parallel()
	a, b := Object{Kind: KindCRD, Name: "a"}, Object{Kind: KindCRD, Name: "b"}
	before := &Report{Findings: []Finding{
		{ID: IDLeafEnds, Object: a, Webhooks: []string{"1", "2"}, Message: "in 3 days"}, {ID: IDExpired, Object: b},
	}, Unread: []Unread{{Resource: "pods", Reason: "x"}}}
	after := &Report{Findings: []Finding{
		{ID: IDLeafEnds, Object: a, Webhooks: []string{"1"}, Message: "in 2 days"}, {ID: IDUntrusted, Object: b},
		{ID: IDLeafEnds, Object: a, Webhooks: []string{"2"}, Message: "in 1 day"},
	}, Unread: []Unread{{Resource: "secrets", Reason: "y"}}}
	if c := before.Since(before, time.Now()); !c.Empty() {
		t.Errorf("nothing has changed: %+v", c)
	}
	var out bytes.Buffer
	if err := after.Since(before, time.Unix(0, 0).UTC()).WriteText(&out, false); err != nil {
		t.Fatal(err)
	}
	want := "1970-01-01T00:00:00Z new: CustomResourceDefinition \"b\"\n  " + "        certificate-untrusted: \n      why: \n      fix: \n" +
		"1970-01-01T00:00:00Z gone: CustomResourceDefinition \"b\": certificate-expired\n" +
		"1970-01-01T00:00:00Z not judged: y\n1970-01-01T00:00:00Z judged again: pods \n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What could only have added to the verdict does not make anything unknown: the API server is no Pod in many clusters.
func TestMinorIsNotUnknown(t *testing.T) {
	t.Parallel()
	f := &Facts{Unread: []Unread{{Resource: "pods", Minor: true}, {Resource: "services", Namespace: "shop"}}}
	if !f.knows("pods", "shop") || f.knows("services", "shop") || !f.knows("services", "other") {
		t.Errorf("pods are known: %t, services: %t, those of another namespace: %t", f.knows("pods", "shop"),
			f.knows("services", "shop"), f.knows("services", "other"))
	}
}
