// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"crypto/x509"
	"net"
	"slices"
	"strings"
	"sync"
)

// goal is what an injector was told that the live objects have to be: the policy, and by which names we are called.
type goal struct {
	mu     sync.Mutex
	policy Policy
	names  []string
	// number is of the policy and the names: 0 is the zero Policy without names, and each change gets the next.
	number           int
	published, named bool // whether there is a policy, and whether the names are known, of which there may be none
}

// setPolicy reports whether the policy is news.
func (g *goal) setPolicy(p Policy) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.published && p.Exact == g.policy.Exact && p.Bundle.Equal(g.policy.Bundle) &&
		slices.Equal(p.Distrusted, g.policy.Distrusted) {
		return false
	}
	p.known, p.published = g.policy.known, g.policy.published.Union(p.Bundle)
	if g.policy.Exact {
		p.known = p.known.Union(g.policy.Bundle)
	}
	if p.Exact {
		p.pem = p.Bundle.PEM()
	}
	g.policy = p
	g.number++
	g.published = true
	return true
}

func (g *goal) current() (Policy, int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.policy, g.number
}

// setNames reports whether the names are news, or that they are known is.
func (g *goal) setNames(names []string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	same := slices.Equal(names, g.names)
	if !same {
		g.names = slices.Clone(names)
		g.number++
	}
	first := !g.named
	g.named = true
	return !same || first
}

// knowsNames reports whether setNames was called, so that it is known which entries are foreign.
func (g *goal) knowsNames() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.named
}

// covers reports whether our certificates are for a host, by the rules of the API server's TLS client.
func (g *goal) covers(host string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	var names x509.Certificate
	for _, name := range g.names {
		if ip := net.ParseIP(name); ip != nil {
			names.IPAddresses = append(names.IPAddresses, ip)
			continue
		}
		if !strings.HasPrefix(name, "*.") {
			names.DNSNames = append(names.DNSNames, name)
		}
	}
	return names.VerifyHostname(host) == nil
}
