// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"fmt"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
)

// Names of signers with a profile of their own.
const (
	// BuiltIn is this project's own signer, unless it is given another name: see [LookupBuiltIn]. Its certificates
	// are trusted where its CA was put into a caBundle and nowhere else.
	BuiltIn = "hookstrap.dev/serving"
	// KubeletServing is the signer for the serving certificates of kubelets.
	KubeletServing = certificatesv1.KubeletServingSignerName
	// EKSAppServing is the signer for workloads on Amazon EKS.
	EKSAppServing = "beta.eks.amazonaws.com/app-serving"
)

const (
	kubernetesDomain    = "kubernetes.io"
	clusterIssuerDomain = "clusterissuers.cert-manager.io"
	issuerDomain        = "issuers.cert-manager.io"
)

// Lookup returns the profile of a signer. The error says why a name is malformed, by the rules of the API server, or
// why no signer would ever answer it with a serving certificate.
func Lookup(name string) (Profile, error) { return lookup(name, ServerAuth, lookupKind) }

func lookup(name string, usage Usage, find func(name, domain, path string) (kind, error)) (Profile, error) {
	domain, path, err := splitName(name)
	if err != nil {
		return Profile{}, err
	}
	k, err := find(name, domain, path)
	if err != nil {
		return Profile{}, err
	}
	return Profile{name: name, kind: k, usage: usage}, nil
}

// LookupBuiltIn returns the profile of the built-in signer under a name of its user's choice, in a domain of theirs.
// The error says why the name is malformed, or whose it is already.
func LookupBuiltIn(name string) (Profile, error) {
	return lookup(name, ServerAuth, func(name, domain, _ string) (kind, error) {
		if reserved(name, domain) {
			return kind{}, fmt.Errorf("the built-in signer cannot be called %q, which is the name of another one: take a "+
				"name in a domain of your own, such as webhooks.example.com/serving", name)
		}
		return builtIn(name), nil
	})
}

// reserved tells the names that somebody else answers to: the domains of Kubernetes (see "Signers" in its
// documentation) and of what has a profile.
func reserved(name, domain string) bool {
	for _, theirs := range []string{kubernetesDomain, "k8s.io", clusterIssuerDomain, issuerDomain} {
		if domain == theirs || strings.HasSuffix(domain, "."+theirs) {
			return true
		}
	}
	return name == EKSAppServing
}

func lookupKind(name, domain, path string) (kind, error) {
	switch {
	case name == BuiltIn:
		return builtIn(name), nil
	case name == KubeletServing:
		return kubeletServing(), nil
	case name == EKSAppServing:
		return eksAppServing(), nil
	case domain == kubernetesDomain:
		return kind{}, fmt.Errorf("the signer %q %s: use %s or %s", name, kubernetesRefusal(name), BuiltIn, KubeletServing)
	case domain == clusterIssuerDomain:
		return certManager("ClusterIssuer " + path), nil
	case domain == issuerDomain:
		namespace, issuer, found := strings.Cut(path, ".")
		if !found {
			return kind{}, fmt.Errorf("the signer %q names no namespace: write it as %s/NAMESPACE.NAME", name, issuerDomain)
		}
		return certManager("Issuer " + namespace + "/" + issuer), nil
	}
	return custom(domain), nil
}

// kubernetesRefusal says why a signer of kubernetes.io gives no serving certificate. The domain is reserved, so the
// list is complete but for what future releases add.
func kubernetesRefusal(name string) string {
	switch name {
	case "kubernetes.io/legacy-unknown":
		return "is not accepted by certificates.k8s.io/v1, and no client is required to trust its certificates"
	case certificatesv1.KubeAPIServerClientSignerName,
		certificatesv1.KubeAPIServerClientKubeletSignerName,
		"kubernetes.io/kube-apiserver-client-pod":
		return "issues client certificates, which a server cannot use"
	case "kubernetes.io/kube-apiserver-serving":
		return "only marks the trust bundle of the API server and issues nothing"
	}
	return "is unknown, and kube-controller-manager never answers requests to an unknown signer of kubernetes.io"
}
