// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"cmp"
	"errors"
	"net/netip"
	"slices"
)

// DefaultClusterDomain is the cluster domain that kubelet, kubeadm and CoreDNS use unless they are told otherwise.
const DefaultClusterDomain = "cluster.local"

// Inputs is what a server knows about itself. Service and Namespace are required, everything else is optional.
type Inputs struct {
	// Service and Namespace name the Service through which the API server calls, exactly as in clientConfig.service.
	Service, Namespace string
	// PodName is the pod's own name. It is carried along for people who read logs and CertificateSigningRequests; DNS
	// knows no such name.
	PodName string
	// PodIPs are the pod's addresses, from the downward API's status.podIPs.
	PodIPs []netip.Addr
	// ClusterIPs are the Service's addresses, from spec.clusterIPs.
	ClusterIPs []netip.Addr
	// ClusterDomain is the DNS zone of the cluster; empty means [DefaultClusterDomain]. Upper case and one trailing
	// dot are accepted.
	ClusterDomain string
	// ExtraSANs are further DNS names or IP addresses. Upper case and one trailing dot are accepted, wildcards are
	// not.
	ExtraSANs []string
}

// Identity is the checked result: the names and addresses which a certificate must carry. DNSNames and IPs are sorted
// and free of duplicates.
type Identity struct {
	Service, Namespace, PodName, ClusterDomain string

	DNSNames []string
	IPs      []netip.Addr
}

// New derives an identity. When inputs are wrong the error joins one sentence for each fault, so that a person can
// mend all of them in one go.
func New(in Inputs) (Identity, error) {
	domain, domainFault := parseClusterDomain(in.ClusterDomain)
	faults := []error{
		checkLabel("service name", in.Service),
		checkLabel("namespace", in.Namespace),
		checkPodName(in.PodName),
		domainFault,
	}
	namesUsable := errors.Join(faults...) == nil

	podIPs, podFaults := parseEach(in.PodIPs, podIP)
	clusterIPs, clusterFaults := parseEach(in.ClusterIPs, clusterIP)
	extraNames, extraIPs, extraFaults := parseExtraSANs(in.ExtraSANs)
	faults = slices.Concat(faults, podFaults, clusterFaults, extraFaults)

	var names []string
	if namesUsable {
		// Half of these would be nonsense, and their faults mere echoes, if a part they are made of were wrong.
		names = ServiceNames(in.Service, in.Namespace, domain)
		for _, ip := range podIPs {
			names = append(names, PodDNSName(ip, in.Namespace, domain))
		}
		faults = append(faults, checkLengths(domain, names)...)
	}
	if err := errors.Join(faults...); err != nil {
		return Identity{}, err
	}
	return Identity{
		Service:       in.Service,
		Namespace:     in.Namespace,
		PodName:       in.PodName,
		ClusterDomain: domain,
		DNSNames:      sorted(slices.Concat(names, extraNames), cmp.Compare[string]),
		IPs:           sorted(slices.Concat(podIPs, clusterIPs, extraIPs), netip.Addr.Compare),
	}, nil
}

// parseEach applies parse to every value, and keeps results and faults apart.
func parseEach[In, Out any](values []In, parse func(In) (Out, error)) ([]Out, []error) {
	var (
		parsed []Out
		faults []error
	)
	for _, value := range values {
		out, err := parse(value)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		parsed = append(parsed, out)
	}
	return parsed, faults
}

// sorted sorts values in place and drops repetitions.
func sorted[T comparable](values []T, compare func(T, T) int) []T {
	slices.SortFunc(values, compare)
	return slices.Compact(values)
}
