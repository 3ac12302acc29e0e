// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"
)

// Entries that call another name of our certificate are ours, whatever their port and path; no other host is.
func TestReaches(t *testing.T) {
	i := newInjector(t, hookstrap())
	i.SetNames([]string{"web.apps.svc", "hooks.example.com", "*.wild.example.com", "second.apps.svc", "192.0.2.7", "2001:db8::1"})
	for config, want := range map[string]string{
		`{url: "https://hooks.example.com/validate"}`:        "hooks.example.com",
		`{url: "https://Hooks.Example.COM:8443/x?y"}`:        "hooks.example.com",
		`{url: "https://one.wild.example.com"}`:              "",
		`{url: "https://192.0.2.7:9443/"}`:                   "192.0.2.7",
		`{url: "https://[2001:DB8:0::1]:9443/"}`:             "2001:db8:0::1",
		`{url: "https://web.apps.svc"}`:                      "web.apps.svc",
		`{service: {namespace: apps, name: second}}`:         "second.apps.svc",
		`{service: {namespace: apps, name: web}}`:            "our Service",
		`{service: {namespace: other, name: second}}`:        "",
		`{url: "https://hooks.example.com.thief.example"}`:   "",
		`{url: "https://hooks.example.com@thief.example/x"}`: "",
		`{url: "https://a.b.wild.example.com"}`:              "",
		`{url: "https://192.0.2.70"}`:                        "",
		`{url: "https://%zz"}`:                               "",
		`{}`:                                                 "",
	} {
		name, ours := i.scope(hookstrap()).reaches(object(t, config).Object)
		if ours && name == "" {
			name = "our Service"
		}
		if name != want || ours != (want != "") {
			t.Errorf("%s: ours = %t by %q, want %q", config, ours, name, want)
		}
	}
	i.SetNames(nil)
	if _, ours := i.scope(hookstrap()).reaches(object(t, `{url: "https://hooks.example.com"}`).Object); ours {
		t.Error("a host is ours that the certificate is no longer for")
	}
}

// An entry that calls another name is verified for that one, as the API server does.
func TestVerifyForTheNameThatIsCalled(t *testing.T) {
	ca := newCA(t, "our-ca", noon().Add(time.Hour))
	i := newInjector(t, hookstrap())
	live := webhooks(t, NewBundle(ca.cert).PEM(), NewBundle(ca.cert).PEM())
	called := mapField(listField(live.Object, "webhooks")[2], "clientConfig")
	delete(called, "service")
	called["url"] = "https://hooks.example.com"
	i.views[0].set(live)
	i.SetNames([]string{"hooks.example.com"})
	chain := func(names ...string) []*x509.Certificate {
		return []*x509.Certificate{ca.leaf(t, func(c *x509.Certificate) { c.DNSNames = names })}
	}
	if err := i.Verify(chain(serverName, "hooks.example.com"), serverName, noon()); err != nil {
		t.Error(err)
	}
	if err := i.Verify(chain(serverName), serverName, noon()); err == nil || !strings.Contains(err.Error(), `"w1"`) {
		t.Errorf("a certificate without the name: %v", err)
	}
}

// In an entry that calls us by another name, a CA that was never ours stays: the same host may have another server.
func TestEntryByAnotherNameKeepsOtherCAs(t *testing.T) {
	ours := NewBundle(newCA(t, "ours", noon().Add(time.Hour)).cert)
	theirs := NewBundle(newCA(t, "theirs", noon().Add(time.Hour)).cert)
	policy := Policy{Bundle: ours, Exact: true, published: ours}
	for url, want := range map[string]string{"": reasonSurplus, "https://hooks.example.com:7443": ""} {
		i := newInjector(t, hookstrap())
		i.SetNames([]string{"hooks.example.com"})
		live := webhooks(t, ours.Union(theirs).PEM())
		if config := mapField(listField(live.Object, "webhooks")[1], "clientConfig"); url != "" {
			delete(config, "service")
			config["url"] = url
		}
		if d, err := decideOf(i.scope(hookstrap()), live, policy); err != nil || d.reason != want {
			t.Errorf("url %q: the reason to write is %q, %v, want %q", url, d.reason, err, want)
		}
	}
}

func TestSetNamesWakesOnlyForNews(t *testing.T) {
	i := newInjector(t, hookstrap())
	for step, tc := range []struct {
		names []string
		news  bool
	}{{nil, true}, {nil, false}, {[]string{"a"}, true}, {[]string{"a"}, false}, {[]string{"a", "b"}, true}} {
		changed := i.changes.next()
		i.SetNames(tc.names)
		woken := false
		select {
		case <-changed:
			woken = true
		default:
		}
		if woken != tc.news {
			t.Errorf("step %d: woken = %t, want %t", step, woken, tc.news)
		}
	}
}
