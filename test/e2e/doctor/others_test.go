// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor_test

import (
	"context"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// controllerRuntime are situations of controller-runtime's webhook server, whose certwatcher reads the files.
func controllerRuntime() []row {
	of := func(after func(t testing.TB, p *place, dir string)) program {
		return program{denial: "controller-runtime says no", start: startControllerRuntime, after: after}
	}
	return []row{
		{"healthy, controller-runtime with a replaced pair", func(_ *testing.T, p *place) { p.program = of(renew) }, nil},
		{"controller-runtime: a pair of another CA", func(_ *testing.T, p *place) {
			p.program = of(func(t testing.TB, p *place, dir string) {
				t.Helper()
				p.serves((*authority)(nil).signed(t, isCA).signed(t, named(p.host())), true)
				p.write(t, dir, p.leaf)
			})
		}, []string{"certificate-untrusted"}},
		{"controller-runtime: an expired pair", func(t *testing.T, p *place) {
			p.serves(p.ca.signed(t, named(p.host()), valid(-9*day, -day)), true)
			p.program = of(nil)
		}, []string{"certificate-expired"}},
		// The certwatcher keeps the old pair, and the CA of the new one is in the caBundle.
		{"controller-runtime: a certificate without its key", func(_ *testing.T, p *place) {
			p.program = of(func(t testing.TB, p *place, dir string) {
				t.Helper()
				ca := (*authority)(nil).signed(t, isCA)
				replace(t, filepath.Join(dir, "tls.crt"), ca.signed(t, named(p.host())).pem())
				p.webhook.ClientConfig.CABundle = ca.pem()
			})
		}, []string{"certificate-untrusted"}},
		// A volume that is mounted with subPath is never written again.
		{"controller-runtime: files that the kubelet does not replace", func(t *testing.T, p *place) {
			storedRenewed(t, p)
			p.program = of(nil)
		}, []string{"certificate-older-than-stored"}},
	}
}

// renew replaces the pair by a new one of the same CA.
func renew(t testing.TB, p *place, dir string) {
	t.Helper()
	p.serves(p.ca.signed(t, named(p.host()), valid(-time.Hour, 300*day)), true)
	p.write(t, dir, p.leaf)
}

// storedRenewed puts a newer certificate of the same CA into the Secret.
func storedRenewed(t testing.TB, p *place) {
	t.Helper()
	renewed := p.ca.signed(t, named(p.host()), valid(-day, 300*day))
	p.stored(map[string][]byte{"ca.crt": p.ca.pem(), "tls.crt": renewed.pem()})
}

func startControllerRuntime(t testing.TB, dir, address string) {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	must(t, err)
	number, err := strconv.Atoi(port)
	must(t, err)
	server := webhook.NewServer(webhook.Options{Host: host, Port: number, CertDir: dir})
	server.Register("/", &webhook.Admission{Handler: admission.HandlerFunc(
		func(_ context.Context, r admission.Request) admission.Response {
			if strings.HasPrefix(r.Name, "bad") {
				return admission.Denied("controller-runtime says no")
			}
			return admission.Allowed("")
		})})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- server.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("controller-runtime's server ended: %v", err)
		}
	})
}

// python are situations of servers in Python.
func python() []row {
	run := func(script ...string) func(t testing.TB, dir, address string) {
		path := filepath.Join(append([]string{site.Root()}, script...)...)
		return func(t testing.TB, dir, address string) {
			t.Helper()
			background(t, []string{"CERT_DIR=" + dir, "ADDRESS=" + address}, "python3", "-u", path)
		}
	}
	example, once := run("examples", "python", "server.py"), run("test", "e2e", "doctor", "testdata", "once.py")
	const denial = "Python says no"
	return []row{
		{"healthy, Python with a replaced pair", func(_ *testing.T, p *place) {
			p.program = program{denial: denial, start: example, after: renew}
		}, nil},
		{"Python: it does not read a renewed certificate", func(t *testing.T, p *place) {
			storedRenewed(t, p)
			p.program = program{denial: denial, start: once, after: func(t testing.TB, p *place, dir string) {
				t.Helper()
				p.write(t, dir, p.ca.signed(t, named(p.host()), valid(-day, 300*day)))
			}}
		}, []string{"certificate-older-than-stored"}},
		{"Python: an expired pair", func(t *testing.T, p *place) {
			p.serves(p.ca.signed(t, named(p.host()), valid(-9*day, -day)), true)
			p.program = program{denial: denial, start: once}
		}, []string{"certificate-expired"}},
		{"Python: the intermediate is left out", func(t *testing.T, p *place) {
			p.serves(p.ca.signed(t, isCA, subject("intermediate")).signed(t, named(p.host())), false)
			p.program = program{denial: denial, start: once}
		}, []string{"certificate-untrusted"}},
		{"Python: no TLS", func(_ *testing.T, p *place) {
			p.program = program{start: run("examples", "nginx", "app.py"), plain: true}
		}, []string{"server-speaks-no-tls"}},
	}
}
