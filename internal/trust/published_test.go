// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"crypto/x509"
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// TestPublishedIsWhatIsThere: a ClusterTrustBundle that was deleted carries no CA, also after it has carried one, and
// however long it is gone.
func TestPublishedIsWhatIsThere(t *testing.T) {
	ca, other := newCA(t, "ours", noon().Add(time.Hour)), newCA(t, "other", noon().Add(time.Hour))
	p, err := NewPublisher(PublisherOptions{
		Client: newInjector(t).opts.Client, SignerName: "example.com/serving", Service: ourService(),
	})
	if err != nil {
		t.Fatal(err)
	}
	v, now := p.injector.views[0], noon()
	v.now = func() time.Time { return now }
	v.calls = p.injector.scope(v.target).calls // As an Injector has it, for which a deleted object is waived.
	ours, both := NewBundle(ca.cert), NewBundle(ca.cert, other.cert)
	for step, tc := range []struct {
		live    *unstructured.Unstructured
		carried bool
	}{
		{nil, false},
		{liveTrustBundle(string(NewBundle(other.cert).PEM())), false},
		{liveTrustBundle(string(ours.PEM())), true},
		{nil, false},
		{liveTrustBundle(""), false},
		{liveTrustBundle(string(both.PEM())), true},
		{nil, false},
	} {
		v.set(tc.live)
		now = now.Add(2 * missingGrace)
		if err := p.Carries(ca.cert); (err == nil) != tc.carried {
			t.Errorf("step %d: %v, want carried %t", step, err, tc.carried)
		} else if err != nil && !strings.Contains(err.Error(), v.target.Name) {
			t.Errorf("step %d: %v does not name the ClusterTrustBundle", step, err)
		}
	}
}

// TestCarriesParsesOnce: the signer asks for each request that it answers, and the ClusterTrustBundle changes seldom.
func TestCarriesParsesOnce(t *testing.T) {
	var cas []*x509.Certificate
	for i := range 10 {
		cas = append(cas, newCA(t, fmt.Sprint("ca-", i), noon().Add(time.Hour)).cert)
	}
	p, err := NewPublisher(PublisherOptions{
		Client: newInjector(t).opts.Client, SignerName: "example.com/serving", Service: ourService(),
	})
	if err != nil {
		t.Fatal(err)
	}
	p.injector.views[0].set(liveTrustBundle(string(NewBundle(cas...).PEM())))
	if n := testing.AllocsPerRun(10, func() {
		if err := p.Carries(cas[0]); err != nil {
			t.Fatal(err)
		}
	}); n > 50 {
		t.Errorf("%.0f allocations, want less than it takes to parse one CA", n)
	}
}
