// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"

	"github.com/hookstrap/hookstrap/internal/signer"
)

func ExampleLookup() {
	profile, err := signer.Lookup("kubernetes.io/kubelet-serving")
	if err != nil {
		fmt.Println(err)
		return
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	subject, err := profile.Subject("web.shop.svc", "web")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(subject)
	fmt.Printf("%q\n", profile.Usages(key.Public()))
	fmt.Printf("%q\n", profile.CASources())
	// Output:
	// CN=system:node:web.shop.svc,O=system:nodes
	// ["digital signature" "server auth"]
	// ["file" "cluster-trust-bundle" "kube-root-ca.crt"]
}

// A name that can never lead to a serving certificate is refused at once.
func ExampleLookup_refused() {
	_, err := signer.Lookup("issuers.cert-manager.io/corp")
	fmt.Println(err)
	// Output:
	// the signer "issuers.cert-manager.io/corp" names no namespace: write it as issuers.cert-manager.io/NAMESPACE.NAME
}
