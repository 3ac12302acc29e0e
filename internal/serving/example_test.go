// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"github.com/hookstrap/hookstrap/internal/serving"
)

// A listener whose certificate can be replaced while it runs.
func Example() {
	var state serving.State
	config := &tls.Config{}
	state.TLSOption(serving.TLSOptions{})(config)

	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	go func() {
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			_ = conn.(*tls.Conn).HandshakeContext(context.Background())
			_ = conn.Close()
		}
	}()

	for _, name := range []string{"first.default.svc", "second.default.svc"} {
		pair := issue(name)
		state.Set(pair)
		// The certificate is its own CA here.
		roots := x509.NewCertPool()
		roots.AddCert(pair.Leaf())
		conn, err := tls.Dial("tcp", listener.Addr().String(), &tls.Config{RootCAs: roots, ServerName: name})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("serving", conn.ConnectionState().PeerCertificates[0].DNSNames[0])
		_ = conn.Close()
	}
	// Output:
	// serving first.default.svc
	// serving second.default.svc
}

// A pair that outlives the process.
func ExampleDirectory() {
	temporary, err := os.MkdirTemp("", "serving")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(temporary) }()

	directory, err := serving.OpenDirectory(filepath.Join(temporary, "certificates"))
	if err != nil {
		log.Fatal(err)
	}
	_, err = directory.Load()
	fmt.Println("empty:", errors.Is(err, fs.ErrNotExist))

	if err := directory.Save(issue("hook.default.svc"), ""); err != nil {
		log.Fatal(err)
	}
	pair, err := directory.Load()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("loaded:", pair.Leaf().DNSNames[0])
	// Output:
	// empty: true
	// loaded: hook.default.svc
}

// A pair that cert-manager, the kubelet or a person writes, and replaces some day.
func ExampleFollower() {
	volume, err := os.MkdirTemp("", "serving")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(volume) }()
	writer, err := serving.OpenDirectory(volume)
	if err != nil {
		log.Fatal(err)
	}
	if err := writer.Save(issue("first.default.svc"), ""); err != nil {
		log.Fatal(err)
	}

	follower := serving.FollowPair(volume, serving.FollowOptions{})
	var state serving.State
	ctx, cancel := context.WithCancel(context.Background())
	err = follower.Run(ctx, func(_ context.Context, pair *serving.Pair) {
		state.Set(pair)
		name := pair.Leaf().DNSNames[0]
		fmt.Println("serving", name)
		if name == "second.default.svc" {
			cancel()
			return
		}
		if err := writer.Save(issue("second.default.svc"), ""); err != nil {
			log.Fatal(err)
		}
	})
	fmt.Println("ended with", err)
	// Output:
	// serving first.default.svc
	// serving second.default.svc
	// ended with <nil>
}

// issue returns a pair with a self-signed certificate for the name.
func issue(name string) *serving.Pair {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		DNSNames:     []string{name},
		NotBefore:    time.Now().Add(-time.Minute),
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		log.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		log.Fatal(err)
	}
	pair, err := serving.NewPair([]*x509.Certificate{leaf}, key, []*x509.Certificate{leaf})
	if err != nil {
		log.Fatal(err)
	}
	return pair
}
