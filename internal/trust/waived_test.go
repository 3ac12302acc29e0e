// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func apiService(spec map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
}

func ourServiceRef() map[string]any {
	return map[string]any{"namespace": ourService().Namespace, "name": ourService().Name}
}

// TestWhatCountsAfterTheStart: a target is waited for until it has had an entry of ours, and then for as long as it has
// one. What comes back has to be right again.
func TestWhatCountsAfterTheStart(t *testing.T) {
	ca := newCA(t, "our-ca", noon().Add(time.Hour))
	chain := []*x509.Certificate{ca.leaf(t, nil)}
	good := NewBundle(ca.cert).PEM()
	mutating := Target{Kind: Mutating, Name: "hookstrap"}
	i := newInjector(t, hookstrap(), mutating)
	for step, tc := range []struct {
		first, second *unstructured.Unstructured
		verify        string // part of the error of Verify and Carries; "" for none
		callable      string // of Callable
		waived        int
	}{
		{webhooks(t, good), nil, "does not exist yet", "", 0},
		{webhooks(t, good), webhooks(t), "has no entry", "", 0},
		{webhooks(t, good), webhooks(t, nil), `webhook "w0"`, "", 0},
		{webhooks(t, good), webhooks(t, good), "", "", 0},
		{webhooks(t, good), nil, "", "", 1},
		{webhooks(t, good), webhooks(t), "", "", 1},
		{webhooks(t, good), webhooks(t, nil), `webhook "w0"`, "", 0}, // created again
		{webhooks(t, good), webhooks(t, good), "", "", 0},
		{nil, webhooks(t, good), "", "", 1},
		{nil, nil, "", "no longer exists", 2},
		{webhooks(t, nil), nil, `webhook "w0"`, "", 1},
		{webhooks(t, good), nil, "", "", 1},
	} {
		i.views[0].set(tc.first)
		i.views[1].set(tc.second)
		for what, got := range map[string]struct {
			err  error
			want string
		}{
			"Verify":   {i.Verify(chain, serverName, noon()), tc.verify},
			"Carries":  {i.Carries(ca.cert), tc.verify},
			"Callable": {i.Callable(), tc.callable},
		} {
			if (got.err == nil) != (got.want == "") || got.err != nil && !strings.Contains(got.err.Error(), got.want) {
				t.Errorf("step %d: %s says %v, want %q", step, what, got.err, got.want)
			}
		}
		if got := len(i.Waived()); got != tc.waived {
			t.Errorf("step %d: %d targets are waived, want %d: %v", step, got, tc.waived, i.Waived())
		}
	}
}

// TestAPIServiceThatSkipsVerification: there is nothing to write and nothing to verify, from the start, and the API
// server calls us.
func TestAPIServiceThatSkipsVerification(t *testing.T) {
	target := Target{Kind: APIService, Name: "v1.example.org"}
	i := newInjector(t, target)
	i.views[0].set(apiService(map[string]any{"service": ourServiceRef(), "insecureSkipTLSVerify": true}))
	if err := i.Verify(nil, serverName, noon()); err != nil {
		t.Errorf("Verify: %v", err)
	}
	if err := i.Callable(); err != nil {
		t.Errorf("Callable: %v", err)
	}
	if got := i.Waived()[target]; !strings.Contains(got, "insecureSkipTLSVerify") {
		t.Errorf("waived because %q", got)
	}
	ca := newCA(t, "our-ca", noon().Add(time.Hour))
	d, err := decideOf(i.scope(target), i.views[0].get().live, Policy{Bundle: NewBundle(ca.cert)})
	if err != nil || d.reason != "" || d.patch != nil {
		t.Errorf("writes %v because of %q, error %v", d.patch, d.reason, err)
	}
	// A local one, and one that is somebody else's, is waited for at the start.
	for _, spec := range []map[string]any{{}, {"service": map[string]any{"namespace": "x", "name": "y"}, "insecureSkipTLSVerify": true}} {
		i.views[0].set(apiService(spec))
		if err := i.Verify(nil, serverName, noon()); err == nil || !strings.Contains(err.Error(), "has no entry") {
			t.Errorf("%v: %v", spec, err)
		}
	}
}
