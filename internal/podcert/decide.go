// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package podcert

import (
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
)

// ServicesAnnotation of a projection (userAnnotations) names the Services of the Pod's namespace, separated by commas,
// whose names the certificate is to have: all of them, and no others. Without it, it has those of every Service that
// selects the Pod at that time.
const ServicesAnnotation = "hookstrap.dev/services"

// maxServices bounds what a certificate names: what must fit into a handshake, and what others can make us do.
const maxServices = 50

// clockSkew is by how much the clocks of API servers may differ, which set the times of creation.
const clockSkew = time.Minute

// Grant is what a request gets.
type Grant struct {
	// PublicKey is that of the request.
	PublicKey any
	// DNSNames are those of the Services, sorted.
	DNSNames []string
	// Lifetime is from the first second of the certificate to its last. It is cut at the end of the CA, but not below
	// Shortest.
	Lifetime, Shortest time.Duration
	// WithCA says that the CA follows the certificate.
	WithCA bool
}

// Decide returns what the request gets, or a [*RefusalError]. It is pure, safe for concurrent use, and costs one
// comparison of labels for each Service of the namespace.
func (p Policy) Decide(r *Request, facts Facts) (*Grant, error) {
	if r.CSR != nil {
		return p.decideCSR(r, facts)
	}
	public, err := p.publicKey(r)
	if err != nil {
		return nil, err
	}
	wanted, err := wantedServices(r)
	if err != nil {
		return nil, err
	}
	names, err := p.names(r, facts, wanted)
	if err != nil {
		return nil, err
	}
	return &Grant{PublicKey: public, DNSNames: names, Lifetime: p.lifetime(r), Shortest: ShortestLifetime}, nil
}

// names are those of the Services that are wanted, or else of all that select the Pod.
func (p Policy) names(r *Request, facts Facts, wanted []string) ([]string, error) {
	for _, check := range []func() error{
		func() error { return p.admits(r) },
		func() error { return isPod(r, facts.Pod) },
		func() error { return isServiceAccount(r, facts) },
	} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	services, err := selecting(facts, wanted)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, service := range services {
		// The short names "web" and "web.shop" are left out: everybody trusts this CA, and in another namespace, or outside
		// the cluster, they name something else.
		name := service + "." + r.Namespace + ".svc"
		names = append(names, name, name+"."+p.ClusterDomain)
	}
	return names, nil
}

// wantedServices are those that the annotation names, nil without it.
func wantedServices(r *Request) ([]string, error) {
	for _, key := range slices.Sorted(maps.Keys(r.Annotations)) {
		if key != ServicesAnnotation {
			return nil, denied(ReasonAnnotations, "The projection has the annotation %.100q, and this signer knows %s alone: "+
				"remove it.", key, ServicesAnnotation)
		}
	}
	text, set := r.Annotations[ServicesAnnotation]
	if !set {
		return nil, nil
	}
	if len(text) > maxAnnotationBytes { // It was cut when it was read.
		return nil, denied(ReasonAnnotations, "The annotation %s has more than %d bytes: name fewer Services.",
			ServicesAnnotation, maxAnnotationBytes)
	}
	var wanted []string
	for name := range strings.SplitSeq(text, ",") {
		name = strings.TrimSpace(name)
		if len(validation.IsDNS1123Label(name)) > 0 {
			return nil, denied(ReasonAnnotations, "The annotation %s has %.100q, which is no name of a Service: write names of "+
				"Services of this namespace, separated by commas.", ServicesAnnotation, name)
		}
		wanted = append(wanted, name)
	}
	slices.Sort(wanted)
	if wanted = slices.Compact(wanted); len(wanted) > maxServices {
		return nil, denied(ReasonAnnotations, "The annotation %s names %d Services, and %d are the most: name fewer.",
			ServicesAnnotation, len(wanted), maxServices)
	}
	return wanted, nil
}

// isPod makes sure that the request is for the Pod that has its name at this time.
func isPod(r *Request, pod *Pod) error {
	switch {
	case pod == nil:
		return waiting(ReasonPodUnknown, "There is no Pod %s: it was deleted, or is not known here yet.", r.pod())
	case pod.UID != r.PodUID && pod.Created.After(r.Created.Add(clockSkew)):
		// Names of Pods are unique, so that the other Pod was gone when this one was created.
		return denied(ReasonPodReplaced, "The Pod %s of this request was deleted, and another one has its name.", r.pod())
	case pod.UID != r.PodUID:
		return waiting(ReasonPodUnknown, "The Pod %s has the UID %s, and the request is for %s: that one was deleted, or is "+
			"not known here yet.", r.pod(), pod.UID, r.PodUID)
	case pod.Ended:
		return denied(ReasonPodEnded, "The Pod %s has ended.", r.pod())
	case r.CSR == nil && pod.NodeName != r.NodeName:
		return waiting(ReasonOtherNode, "The Pod %s is on node %q, and the request is for node %q.", r.pod(), pod.NodeName,
			r.NodeName)
	default:
		return nil
	}
}

// isServiceAccount makes sure that the request is for the ServiceAccount as which the Pod runs. A ServiceAccount that
// was made again is no reason to deny: the kubelet asks with the new UID the next time.
func isServiceAccount(r *Request, facts Facts) error {
	if facts.Pod.ServiceAccountName != r.ServiceAccountName {
		return waiting(ReasonServiceAccountUnknown, "The Pod %s runs as the ServiceAccount %s, and the request is for %s.",
			r.pod(), facts.Pod.ServiceAccountName, r.ServiceAccountName)
	}
	if facts.ServiceAccountUID != r.ServiceAccountUID {
		return waiting(ReasonServiceAccountUnknown, "The ServiceAccount %s does not have the UID %s: it was deleted, or "+
			"that one is not known here yet.", r.serviceAccount(), r.ServiceAccountUID)
	}
	return nil
}

// selecting are the Services that select the Pod, sorted; all of those that are wanted, if any are.
func selecting(facts Facts, wanted []string) ([]string, error) {
	if _, cut := facts.Pod.Labels[labelsCut]; cut {
		return nil, waiting(ReasonLabelsTooLong, "The labels of this Pod have more than %d bytes, and are not looked at: "+
			"remove some.", maxLabelBytes)
	}
	for _, service := range wanted {
		if !facts.Services[service].selects(facts.Pod.Labels) {
			return nil, waiting(ReasonServiceNotSelecting, "A name of the Service %s is asked for, which does not select this "+
				"Pod: create it, or correct its selector or the labels of the Pod.", service)
		}
	}
	if wanted != nil {
		return wanted, nil
	}
	var found []string
	for service, selector := range facts.Services {
		if selector.selects(facts.Pod.Labels) {
			found = append(found, service)
		}
	}
	switch {
	case len(found) == 0:
		return nil, waiting(ReasonNoService, "No Service selects this Pod: create one, or correct its selector or the "+
			"labels of the Pod.")
	case len(found) > maxServices:
		return nil, waiting(ReasonTooManyServices, "%d Services select this Pod, and %d are the most: name some of them in "+
			"the annotation %s of the projection.", len(found), maxServices, ServicesAnnotation)
	}
	slices.Sort(found)
	return found, nil
}
