// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/hookstrap/hookstrap/internal/signer"
)

// TestASignerOfLongNamesIsAskedForNoOthers: webhook authority refuses a request with a short name or an address.
func TestASignerOfLongNamesIsAskedForNoOthers(t *testing.T) {
	o := newOptions(t, nil)
	address := netip.MustParseAddr("10.0.0.7")
	o.Inputs.PodIPs = []netip.Addr{address}
	for name, want := range map[string][]string{
		signer.Authority: {selfName, selfName + ".cluster.local"},
		signer.BuiltIn:   {"10-0-0-7.shop.pod.cluster.local", "web", "web.shop", selfName, selfName + ".cluster.local"},
	} {
		profile, err := signer.Lookup(name)
		check(t, err)
		o.Profile = profile
		id, err := o.identity([]netip.Addr{address})
		check(t, err)
		if !slices.Equal(id.DNSNames, want) || (len(id.IPs) > 0) == profile.LongNames() {
			t.Errorf("%s is asked for %v and %v, want %v", name, id.DNSNames, id.IPs, want)
		}
	}
}
