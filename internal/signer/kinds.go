// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package signer

import "time"

// Where several sources are possible, the order goes by who could have put a wrong CA there: the file was named by
// the person who runs the server, a ClusterTrustBundle needs the "attest" right on this very signer, and a chain is
// merely what came along with the certificate, often without the root.

// builtIn asks for nothing: the CA is at hand.
func builtIn(name string) kind {
	return kind{
		builtIn: true,
		sources: []CASource{SourceAuthority},
		hint: "it is signed by a replica of this very server, with the CA in its namespace's Secret; look in the logs " +
			"for a refused update of certificatesigningrequests/status or a missing right to sign for " + name,
	}
}

// kubeletServing follows ValidateKubeletServingCSR in k8s.io/kubernetes, pkg/apis/certificates/helpers.go:
// organization exactly system:nodes, a common name that begins with system:node:, DNS or IP SANs only. It returns a
// lone leaf, without a chain, which lives for --cluster-signing-duration at most.
func kubeletServing() kind {
	return kind{
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
func eksAppServing() kind {
	return kind{
		maxDuration: 365 * 24 * time.Hour,
		sources:     []CASource{SourceFile, SourceChain},
		hint:        "it is signed by the control plane of Amazon EKS, and on other clusters by no signer",
	}
}

// certManager follows "CertificateSigningRequest resource" in cert-manager's documentation. issuer is its kind and
// name.
func certManager(issuer string) kind {
	return kind{
		sources: []CASource{SourceFile, SourceChain},
		hint: "it is signed by cert-manager with " + issuer + ", if that exists and is ready and cert-manager's controller " +
			"has the feature gate ExperimentalCertificateSigningRequestControllers; a namespaced Issuer also demands " +
			"that the requester may \"reference\" the signer",
	}
}

// custom is a signer of which nothing is known.
func custom(domain string) kind {
	return kind{
		sources: []CASource{SourceFile, SourceTrustBundle, SourceChain},
		hint: "it is signed by whatever controller serves " + domain + " in this cluster: " +
			"see whether it runs, and what its logs say",
	}
}
