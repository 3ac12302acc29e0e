// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Kind is a kind of API object in which the API server keeps the CA bundle of a webhook or an extension API server.
type Kind string

// The kinds of configuration, as they are written on a command line.
const (
	Validating Kind = "validating" // ValidatingWebhookConfiguration: webhooks[].clientConfig
	Mutating   Kind = "mutating"   // MutatingWebhookConfiguration: webhooks[].clientConfig
	CRD        Kind = "crd"        // CustomResourceDefinition: spec.conversion.webhook.clientConfig
	APIService Kind = "apiservice" // APIService: spec
)

// trustBundle is a ClusterTrustBundle: spec.trustBundle. It configures nothing, and only a [Publisher] keeps one.
const trustBundle Kind = "clustertrustbundle"

// Target is one object whose caBundle is kept right.
type Target struct {
	Kind Kind
	Name string // metadata.name
}

// ParseTarget reads [validating/|mutating/|crd/|apiservice/]NAME. A plain NAME is a ValidatingWebhookConfiguration.
func ParseTarget(s string) (Target, error) {
	kind, name, found := strings.Cut(s, "/")
	if !found {
		kind, name = string(Validating), s
	}
	t := Target{Kind: Kind(kind), Name: name}
	if t.Kind.gvk().Empty() || t.Kind == trustBundle {
		return Target{}, fmt.Errorf("webhook configuration %q: unknown kind %q: use validating, mutating, crd or apiservice",
			s, kind)
	}
	if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
		return Target{}, fmt.Errorf("webhook configuration %q: %q is not a name of a Kubernetes object: %s",
			s, name, strings.Join(problems, "; "))
	}
	return t, nil
}

// String returns the target as [ParseTarget] reads it, kind included.
func (t Target) String() string { return string(t.Kind) + "/" + t.Name }

// title names the object in sentences: ValidatingWebhookConfiguration "name".
func (t Target) title() string { return fmt.Sprintf("%s %q", t.Kind.gvk().Kind, t.Name) }

// field is what an object of the kind calls its CA bundle.
func (k Kind) field() string {
	if k == trustBundle {
		return "trustBundle"
	}
	return "caBundle"
}

// path leads to the map with the CA bundle, of which an object of the kind has one; nil for the kinds with a list of
// webhooks.
func (k Kind) path() []string {
	switch k {
	case CRD:
		return []string{"spec", "conversion", "webhook", "clientConfig"}
	case APIService, trustBundle:
		return []string{"spec"}
	default:
		return nil
	}
}

// signer is the signer that the name of a ClusterTrustBundle begins with; the API server demands that it does.
func (t Target) signer() string {
	prefix := t.Name[:max(0, strings.LastIndex(t.Name, ":"))]
	return strings.ReplaceAll(prefix, ":", "/")
}

// gvk is empty for an unknown kind.
func (k Kind) gvk() schema.GroupVersionKind {
	admission := schema.GroupVersion{Group: "admissionregistration.k8s.io", Version: "v1"}
	switch k {
	case Validating:
		return admission.WithKind("ValidatingWebhookConfiguration")
	case Mutating:
		return admission.WithKind("MutatingWebhookConfiguration")
	case CRD:
		return schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}
	case APIService:
		return schema.GroupVersionKind{Group: "apiregistration.k8s.io", Version: "v1", Kind: "APIService"}
	case trustBundle:
		return schema.GroupVersionKind{Group: "certificates.k8s.io", Version: "v1", Kind: "ClusterTrustBundle"}
	}
	return schema.GroupVersionKind{}
}

// gvr is guessed from the kind, which holds for these five: lower case and an s.
func (k Kind) gvr() schema.GroupVersionResource {
	plural, _ := meta.UnsafeGuessKindToResource(k.gvk())
	return plural
}

// Resource is what the object is to RBAC.
func (t Target) Resource() schema.GroupResource { return t.Kind.gvr().GroupResource() }
