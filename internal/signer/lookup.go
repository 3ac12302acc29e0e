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
	// Authority is the signer of `webhook authority`, unless that is given another name.
	Authority = "hookstrap.dev/authority"
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

func lookup(name string, usage Usage, find func(name, domain, path string) (Profile, error)) (Profile, error) {
	domain, path, err := splitName(name)
	if err != nil {
		return Profile{}, err
	}
	p, err := find(name, domain, path)
	if err != nil {
		return Profile{}, err
	}
	p.name, p.usage = name, usage
	return p, nil
}

// LookupBuiltIn returns the profile of the built-in signer under a name of its user's choice, in a domain of theirs.
// The error says why the name is malformed, or whose it is already.
func LookupBuiltIn(name string) (Profile, error) {
	return lookup(name, ServerAuth, func(name, domain, _ string) (Profile, error) {
		if reserved(name, domain) {
			return Profile{}, fmt.Errorf("the built-in signer cannot be called %q, which is the name of another one: take a "+
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

func lookupKind(name, domain, path string) (Profile, error) {
	switch {
	case name == BuiltIn:
		return builtIn(name), nil
	case name == KubeletServing:
		return kubeletServing(), nil
	case name == Authority:
		return centralAuthority(), nil
	case name == EKSAppServing:
		return eksAppServing(), nil
	case domain == kubernetesDomain:
		return Profile{}, fmt.Errorf("the signer %q %s: use %s or %s", name, kubernetesRefusal(name), BuiltIn, KubeletServing)
	case domain == clusterIssuerDomain:
		return certManager("ClusterIssuer " + path), nil
	case domain == issuerDomain:
		namespace, issuer, found := strings.Cut(path, ".")
		if !found {
			return Profile{}, fmt.Errorf("the signer %q names no namespace: write it as %s/NAMESPACE.NAME", name, issuerDomain)
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

// Where several sources are possible, the order goes by who could have put a wrong CA there: the file was named by
// the person who runs the server, a ClusterTrustBundle needs the "attest" right on this very signer, and a chain is
// merely what came along with the certificate, often without the root.

// builtIn asks for nothing: the CA is at hand.
func builtIn(name string) Profile {
	return Profile{
		builtIn: true,
		sources: []CASource{SourceAuthority},
		hint: "it is signed by a replica of this very server, with the CA in its namespace's Secret; look in the logs " +
			"for a refused update of certificatesigningrequests/status or a missing right to sign for " + name,
	}
}

// kubeletServing follows ValidateKubeletServingCSR in k8s.io/kubernetes, pkg/apis/certificates/helpers.go:
// organization exactly system:nodes, a common name that begins with system:node:, DNS or IP SANs only. It returns a
// lone leaf, without a chain, which lives for --cluster-signing-duration at most.
func kubeletServing() Profile {
	return Profile{
		organization: []string{"system:nodes"},
		commonName:   func(serverName, _ string) string { return "system:node:" + serverName },
		sources:      []CASource{SourceFile, SourceTrustBundle, SourceRootCAConfigMap},
		hint: "it is signed by kube-controller-manager started with --cluster-signing-cert-file and " +
			"--cluster-signing-key-file; managed clusters, and kubeadm with an external CA, may have no such signer, " +
			"and then this request waits in vain: choose another signer",
	}
}

// eksAppServing follows "Certificate signing" in the Amazon EKS user guide: any subject, SANs and usages honored, one
// year, no distribution of trust.
func eksAppServing() Profile {
	return Profile{
		sources: []CASource{SourceFile, SourceChain},
		hint:    "it is signed by the control plane of Amazon EKS, and on other clusters by no signer",
	}
}

// centralAuthority follows package podcert: long names of Services alone, no addresses, and the CA behind the leaf.
func centralAuthority() Profile {
	return Profile{
		longNames: true,
		sources:   []CASource{SourceFile, SourceTrustBundle, SourceChain},
		hint: "it is approved and signed by `webhook authority`, for Services with the label " +
			"hookstrap.dev/certificates=true that select this Pod: an event of the Pod says what it waits for",
	}
}

// certManager follows "CertificateSigningRequest resource" in cert-manager's documentation. issuer is its kind and
// name.
func certManager(issuer string) Profile {
	return Profile{
		sources: []CASource{SourceFile, SourceChain},
		hint: "it is signed by cert-manager with " + issuer + ", if that exists and is ready and cert-manager's controller " +
			"has the feature gate ExperimentalCertificateSigningRequestControllers; a namespaced Issuer also demands " +
			"that the requester may \"reference\" the signer",
	}
}

// custom is a signer of which nothing is known.
func custom(domain string) Profile {
	return Profile{
		sources: []CASource{SourceFile, SourceTrustBundle, SourceChain},
		hint: "it is signed by whatever controller serves " + domain + " in this cluster: " +
			"see whether it runs, and what its logs say",
	}
}
