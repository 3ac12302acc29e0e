// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"crypto/x509"
	"fmt"
	"time"

	"github.com/hookstrap/hookstrap/internal/trust"
)

// week is how long before its end a certificate of a long lifetime is reported.
const week = 7 * 24 * time.Hour

// expiries judges what ends soon.
type expiries struct{ *examination }

// soon says that a certificate ends within a week, and a tenth of its lifetime: what renews it has had its time.
func (x expiries) soon(c *x509.Certificate) bool {
	return c.NotAfter.Sub(x.facts.Now) < min(week, c.NotAfter.Sub(c.NotBefore)/10)
}

// expiry judges how long a chain that verifies will go on doing so.
func (x expiries) expiry(e *Entry, h Handshake) {
	leaf := h.Chain[0]
	x.older(e, h)
	if x.soon(leaf) {
		x.find(e, IDLeafEnds, "renew the certificate; if it was renewed, restart the server",
			"%s presents %s, which ends in %s%s", h.where(), describe(leaf), x.left(leaf.NotAfter),
			writers(x).lastWriter(e))
		return
	}
	bundle, _ := trust.ParseBundle(e.ClientConfig.CABundle) // What cannot be read is a finding of its own.
	lasting := bundle.Filter(func(c *x509.Certificate) bool { return !x.soon(c) })
	if bundle.Empty() || lasting.Verify(h.Chain, e.ServerName(), x.facts.Now) == nil {
		return
	}
	ending := bundle.Filter(x.soon)
	x.find(e, IDCAEnds, "make a new CA, and have both in the caBundle until the new certificate is served",
		"the certificate of %s verifies only with CAs that end in %s: %s%s", h.where(), x.left(ending.NotAfter()),
		ending.Describe(), writers(x).lastWriter(e))
}

// older compares what is served with what the Secret has.
func (x expiries) older(e *Entry, h Handshake) {
	for _, stored := range x.storedOf(e) {
		x.olderThan(e, h, stored)
	}
}

func (x expiries) olderThan(e *Entry, h Handshake, stored StoredCA) {
	bundle, _ := trust.ParseBundle(stored.Leaf) // A Secret that cannot be read says nothing.
	served := h.Chain[0]
	for _, c := range bundle.Certificates() {
		if c.NotBefore.After(served.NotBefore) && !c.IsCA && c.VerifyHostname(e.ServerName()) == nil && !c.Equal(served) {
			fix := "restart the server"
			if h.Pod.Name != "" {
				fix = fmt.Sprintf("kubectl -n %s delete pod %s", h.Pod.Namespace, h.Pod.Name)
			}
			x.find(e, IDOlderThanStored, fix, "%s presents %s, and Secret %s has %s", h.where(), describe(served),
				stored.Secret, describe(c))
			return
		}
	}
}

// left is a duration in words, rounded.
func (x expiries) left(until time.Time) string {
	d := until.Sub(x.facts.Now)
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return fmt.Sprintf("%d minutes", int(d.Minutes()))
}

func day(t time.Time) string { return t.UTC().Format(time.RFC3339) }
