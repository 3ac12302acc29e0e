// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// serviceIP is the cluster IP of the Service "kubernetes" on a node: the first of its range.
const serviceIP = "10.96.0.1"

// serviceRange is where cluster IPs come from. On a node it is what kubeadm takes. On this machine nothing is at a
// cluster IP but what listens there: it is a loopback address, so that the API server, which calls webhooks at them,
// never dials off the machine.
func (p Place) serviceRange() string {
	if p == (Place{}) {
		return "127.96.0.0/16"
	}
	return "10.96.0.0/16"
}

// place describes an API server that is the endpoint of the Service "kubernetes", and which calls kubelets, as kubeadm
// sets one up: with one CA for everything. Given the files, envtest makes none of its own.
func (c *Cluster) place(s *envtest.APIServer) error {
	address := c.opts.Place.Address
	s.SecureServing.Address, s.SecureServing.Port = address, "6443"
	s.SecureServing.CA = c.ca.certPEM
	s.Configure().
		Set("advertise-address", address).
		Set("kubelet-preferred-address-types", "InternalIP").
		Set("kubelet-client-certificate", filepath.Join(s.CertDir, "kubelet-client.crt")).
		Set("kubelet-client-key", filepath.Join(s.CertDir, "kubelet-client.key"))
	leaves := map[string]*x509.Certificate{
		"apiserver": {
			Subject:     pkix.Name{CommonName: "kube-apiserver"},
			DNSNames:    []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"},
			IPAddresses: []net.IP{net.ParseIP(serviceIP), net.ParseIP(address), net.IPv4(127, 0, 0, 1)},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		},
		"kubelet-client": {
			Subject:     pkix.Name{CommonName: "kube-apiserver-kubelet-client", Organization: []string{"system:masters"}},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		},
		// Of this one only the key counts: it signs the tokens of service accounts.
		"sa-signer": {Subject: pkix.Name{CommonName: "service-accounts"}},
	}
	for name, template := range leaves {
		template.NotAfter = time.Now().AddDate(1, 0, 0)
		cert, key, err := c.ca.issue(template)
		if err != nil {
			return fmt.Errorf("issuing the certificate %s: %w", name, err)
		}
		for extension, data := range map[string][]byte{".crt": cert, ".key": key} {
			if err := os.WriteFile(filepath.Join(s.CertDir, name+extension), data, 0o600); err != nil {
				return fmt.Errorf("writing the certificate %s: %w", name, err)
			}
		}
	}
	return nil
}
