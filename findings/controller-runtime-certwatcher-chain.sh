#!/usr/bin/env bash
# Copyright The Hookstrap Authors.
# SPDX-License-Identifier: Apache-2.0
#
# sigs.k8s.io/controller-runtime v0.25.2, with Go 1.26
#
# The documentation of certwatcher.CertWatcher says that it "watches certificate and key files for changes" and
# "periodically reads and parses certificate and key for changes". What it compares is the first certificate of the file
# and the bytes of the key. A file with the same first certificate and other ones after it is read, and dropped: the
# server goes on with the old chain, and only log level 7 says so. Webhook and metrics servers of controller-runtime
# have such a watcher.
#
#   tls.crt at first        tls.crt afterwards              what the server sends afterwards
#   leaf                    leaf, intermediate              leaf: who trusts the root cannot verify it
#   leaf, intermediate      leaf, renewed intermediate      leaf, intermediate: until the old one has expired
#   leaf                    another leaf, intermediate      another leaf, intermediate
#
# So an intermediate certificate that was forgotten, or that its CA has renewed with the key it had, needs a restart. An
# empty line at the end of tls.key does it too.
#
# It needs Go and takes half a minute. It fails if the behaviour is another one.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"

cat >go.mod <<'MOD'
module example.com/finding

go 1.26.0

require sigs.k8s.io/controller-runtime v0.25.2
MOD

cat >main.go <<'GO'
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
)

var (
	keys    = map[string]*ecdsa.PrivateKey{}
	subject = map[string]string{} // by serial number, to print
	serial  int64
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// issue makes a certificate; what has the same name has the same key.
func issue(label, name string, ca bool, issuer *x509.Certificate) *x509.Certificate {
	if keys[name] == nil {
		keys[name] = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	}
	serial++
	c := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, IsCA: ca, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Duration(serial) * time.Hour),
	}
	if ca {
		c.KeyUsage = x509.KeyUsageCertSign
	} else {
		c.DNSNames = []string{"web.shop.svc"}
	}
	if issuer == nil {
		issuer = c
	}
	c = must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, c, issuer, keys[name].Public(), keys[issuer.Subject.CommonName]))))
	subject[c.SerialNumber.String()] = label
	return c
}

func write(dir, end string, chain ...*x509.Certificate) {
	var crt []byte
	for _, c := range chain {
		crt = append(crt, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	der := must(x509.MarshalPKCS8PrivateKey(keys["leaf"]))
	key := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), end...)
	for name, content := range map[string][]byte{"tls.key": key, "tls.crt": crt} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			panic(err)
		}
	}
}

// show does a handshake with a server that has the watcher's certificate.
func show(when string, w *certwatcher.CertWatcher, root *x509.Certificate) {
	roots := x509.NewCertPool()
	roots.AddCert(root)
	var sent []string
	listener := must(tls.Listen("tcp", "127.0.0.1:0", &tls.Config{GetCertificate: w.GetCertificate}))
	defer listener.Close()
	go func() {
		if c, err := listener.Accept(); err == nil {
			_ = c.(*tls.Conn).Handshake()
			c.Close()
		}
	}()
	conn, err := tls.Dial("tcp", listener.Addr().String(), &tls.Config{
		ServerName: "web.shop.svc", InsecureSkipVerify: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			between := x509.NewCertPool()
			for i, c := range s.PeerCertificates {
				sent = append(sent, subject[c.SerialNumber.String()])
				if i > 0 {
					between.AddCert(c)
				}
			}
			_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: s.ServerName, Roots: roots, Intermediates: between})
			return err
		},
	})
	verified := "not verified"
	if err == nil {
		conn.Close()
		verified = "verified"
	}
	fmt.Printf("%s: %s, %s\n", when, strings.Join(sent, " + "), verified)
}

func main() {
	root := issue("root", "root", true, nil)
	old := issue("intermediate", "between", true, root)
	renewed := issue("renewed intermediate", "between", true, root)
	leaf := issue("leaf", "leaf", false, old)
	another := issue("another leaf", "leaf", false, old)

	for _, c := range []struct {
		name          string
		before, after []*x509.Certificate
	}{
		{"added", []*x509.Certificate{leaf}, []*x509.Certificate{leaf, old}},
		{"renewed", []*x509.Certificate{leaf, old}, []*x509.Certificate{leaf, renewed}},
		{"another", []*x509.Certificate{leaf}, []*x509.Certificate{another, old}},
	} {
		dir := must(os.MkdirTemp("", ""))
		defer os.RemoveAll(dir)
		write(dir, "", c.before...)
		w := must(certwatcher.New(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"))).WithWatchInterval(50 * time.Millisecond)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		go func() { _ = w.Start(ctx) }()
		show(c.name+" before", w, root)
		write(dir, "", c.after...)
		time.Sleep(time.Second)
		if err := w.ReadCertificate(); err != nil {
			panic(err)
		}
		show(c.name+" afterwards", w, root)
		show(c.name+" with another watcher", must(certwatcher.New(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"))), root)
		write(dir, "\n", c.after...)
		time.Sleep(time.Second)
		show(c.name+" with an empty line in the key", w, root)
	}
}
GO

go mod tidy 2>errors || { cat errors >&2; exit 1; }
go run . 2>log | tee seen || { cat log >&2; exit 1; }
expect() { grep -qxF "$1" seen || { echo "it does not say: $1" >&2; exit 1; }; }
expect 'added before: leaf, not verified'
expect 'added afterwards: leaf, not verified'
expect 'added with another watcher: leaf + intermediate, verified'
expect 'added with an empty line in the key: leaf + intermediate, verified'
expect 'renewed before: leaf + intermediate, verified'
expect 'renewed afterwards: leaf + intermediate, verified'
expect 'renewed with another watcher: leaf + renewed intermediate, verified'
expect 'renewed with an empty line in the key: leaf + renewed intermediate, verified'
expect 'another before: leaf, not verified'
expect 'another afterwards: another leaf + intermediate, verified'
echo 'as described'
