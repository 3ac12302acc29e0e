// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package podcert

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/hookstrap/hookstrap/internal/authority"
)

// OptInLabel of a Service, with the value "true", lets its Pods have certificates by CertificateSigningRequests. Unlike
// a PodCertificateRequest, which a kubelet makes for the Pod's author, such a request comes from whatever has a token
// of the Pod.
const OptInLabel = "hookstrap.dev/certificates"

// What the API server records of a user whose token is that of a Pod (KEP-1205). No request can set it.
const (
	extraPodName   = "authentication.kubernetes.io/pod-name"
	extraPodUID    = "authentication.kubernetes.io/pod-uid"
	accountPrefix  = "system:serviceaccount:"
	shortestForCSR = authority.DefaultMinDuration
)

// readCSR returns what counts of an object. It is pending until it has a certificate or one of the conditions that end
// it.
func readCSR(obj *certificatesv1.CertificateSigningRequest) (request *Request, pending bool) {
	namespace, account, _ := strings.Cut(strings.TrimPrefix(obj.Spec.Username, accountPrefix), ":")
	if !strings.HasPrefix(obj.Spec.Username, accountPrefix) {
		namespace, account = "", ""
	}
	one := func(key string) string {
		if values := obj.Spec.Extra[key]; len(values) == 1 {
			return values[0]
		}
		return ""
	}
	pending = len(obj.Status.Certificate) == 0
	for _, condition := range obj.Status.Conditions {
		pending = pending && condition.Type != certificatesv1.CertificateDenied &&
			condition.Type != certificatesv1.CertificateFailed
	}
	return &Request{
		NamespacedName: types.NamespacedName{Namespace: namespace, Name: obj.Name},
		UID:            obj.UID, ResourceVersion: obj.ResourceVersion, Created: obj.CreationTimestamp.Time,
		SignerName: obj.Spec.SignerName, PodName: one(extraPodName), PodUID: types.UID(one(extraPodUID)),
		ServiceAccountName: account, ServiceAccountUID: types.UID(obj.Spec.UID), CSR: obj,
	}, pending
}

// keepCSR keeps those of a signer that have no answer.
func keepCSR(signer string) func(obj any) (*Request, bool) {
	return func(obj any) (*Request, bool) {
		object, ok := obj.(*certificatesv1.CertificateSigningRequest)
		if !ok || object.Spec.SignerName != signer {
			return nil, false
		}
		return readCSR(object)
	}
}

// decideCSR grants names of Services that have opted in and select the Pod whose token the request was made with: those
// that are asked for, and all of them. Addresses and short names are refused, as for every request.
func (p Policy) decideCSR(r *Request, facts Facts) (*Grant, error) {
	if r.Namespace == "" || r.ServiceAccountName == "" || r.PodName == "" || r.PodUID == "" {
		return nil, denied(ReasonNoPod, "The request was made by %.253q without the token of a Pod: make it in the Pod, "+
			"with the token that is mounted there.", r.CSR.Spec.Username)
	}
	if cutCSR(r.CSR) || len(r.CSR.Spec.Request) > authority.MaxRequestBytes {
		return nil, denied(authority.ReasonRequestMalformed, "The request has more than %d bytes, or with its labels and "+
			"annotations more than %d: ask for fewer names, and leave those out.", authority.MaxRequestBytes, maxCSRBytes)
	}
	asked := askedNames(r.CSR.Spec.Request)
	wanted, err := p.servicesOf(r.Namespace, asked)
	if err != nil {
		return nil, err
	}
	names, err := p.names(r, facts, wanted)
	if err != nil {
		return nil, err
	}
	for _, service := range wanted {
		if !facts.OptedIn[service] {
			return nil, waiting(ReasonServiceNotOptedIn, "The Service %s does not have the label %s=true: give it that, or use "+
				"another signer.", service, OptInLabel)
		}
	}
	longest := p.MaxLifetime
	if longest == 0 {
		longest = DefaultLifetime
	}
	// Everything else about the request: its usages, key and signature, its subject, other kinds of names.
	rest := authority.Policy{SignerName: p.SignerName, Requester: r.CSR.Spec.Username, DNSNames: names}
	request, err := rest.Check(r.CSR)
	if broken := (*authority.PolicyError)(nil); errors.As(err, &broken) {
		return nil, denied(broken.Reason, "%s", broken.Message)
	} else if err != nil {
		return nil, err
	}
	if seconds := r.CSR.Spec.ExpirationSeconds; seconds != nil {
		longest = min(longest, time.Duration(*seconds)*time.Second)
	}
	return &Grant{PublicKey: request.PublicKey, DNSNames: slices.Sorted(slices.Values(request.DNSNames)),
		Lifetime: longest, Shortest: shortestForCSR, WithCA: true}, nil
}

// askedNames are the DNS names of a request, none if it cannot be read, which is found out later.
func askedNames(request []byte) []string {
	block, _ := pem.Decode(request)
	if block == nil {
		return nil
	}
	parsed, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil
	}
	return parsed.DNSNames
}

// servicesOf are the Services of a namespace that names are of, sorted; never nil.
func (p Policy) servicesOf(namespace string, names []string) ([]string, error) {
	found := []string{}
	for _, name := range names {
		service, rest, _ := strings.Cut(name, ".")
		if rest != namespace+".svc" && rest != namespace+".svc."+p.ClusterDomain ||
			len(validation.IsDNS1123Label(service)) > 0 {
			return nil, denied(ReasonOtherNamespace, "The request is for %.253q, and the Pod's namespace is %s: ask for "+
				"SERVICE.%[2]s.svc and SERVICE.%[2]s.svc.%[3]s alone.", name, namespace, p.ClusterDomain)
		}
		found = append(found, service)
	}
	slices.Sort(found)
	if found = slices.Compact(found); len(found) == 0 || len(found) > maxServices {
		return nil, denied(authority.ReasonSANsMissing, "The request has names of %d Services, and may have those of 1 "+
			"to %d.", len(found), maxServices)
	}
	return found, nil
}

// conditionOf is how a CertificateSigningRequest is answered.
func conditionOf(
	kind certificatesv1.RequestConditionType, reason, message string,
) certificatesv1.CertificateSigningRequestCondition {
	return certificatesv1.CertificateSigningRequestCondition{
		Type: kind, Status: corev1.ConditionTrue, Reason: reason, Message: message,
	}
}
