// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package identity_test

import (
	"fmt"
	"strings"

	"github.com/hookstrap/hookstrap/internal/identity"
)

// A pod learns its addresses from the downward API and the cluster domain from
// its own resolver.
func ExampleNew() {
	podIPs, err := identity.ParseIPs([]string{"10.0.0.7,fd00::7"})
	if err != nil {
		fmt.Println(err)
		return
	}
	resolvConf := strings.NewReader("search shop.svc.k8s.example svc.k8s.example k8s.example\n")
	domain, _ := identity.ClusterDomainFromResolvConf(resolvConf, "shop")

	id, err := identity.New(identity.Inputs{
		Service: "web", Namespace: "shop", PodIPs: podIPs, ClusterDomain: domain,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("the API server verifies", id.ServerName())
	for _, name := range id.DNSNames {
		fmt.Println(name)
	}
	fmt.Println(id.IPs)
	// Output:
	// the API server verifies web.shop.svc
	// 10-0-0-7.shop.pod.k8s.example
	// fd00--7.shop.pod.k8s.example
	// web
	// web.shop
	// web.shop.svc
	// web.shop.svc.k8s.example
	// [10.0.0.7 fd00::7]
}

// All faults are reported at once.
func ExampleNew_faults() {
	_, err := identity.New(identity.Inputs{
		Service: "Web", Namespace: "shop", ExtraSANs: []string{"*.example.org"},
	})
	fmt.Println(err)
	// Output:
	// the service name "Web" is not a DNS name: use lower-case letters, digits and dashes
	// the extra SAN "*.example.org" is a wildcard, which this server never asks for: list the names
}
