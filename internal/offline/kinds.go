// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"cmp"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/kubernetes/scheme"
	kjson "sigs.k8s.io/json"
)

// kinds know of a kind what an API server would say: how its resource is called, and whether it lives in namespaces.
type kinds struct {
	own     *runtime.Scheme // the types of Kubernetes itself
	custom  map[schema.GroupKind]customKind
	cluster sets.Set[string]
}

type customKind struct {
	plural     string
	namespaced bool
}

// newKinds knows the kinds of Kubernetes itself, and those that a CustomResourceDefinition among the objects defines.
func newKinds(objects []object) kinds {
	k := kinds{own: ownTypes(), custom: map[schema.GroupKind]customKind{}, cluster: sets.New(clusterScoped()...)}
	for _, o := range objects {
		if o.kind.GroupKind() != (schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}) {
			continue
		}
		var crd struct {
			Spec struct {
				Group string `json:"group"`
				Scope string `json:"scope"`
				Names struct {
					Kind   string `json:"kind"`
					Plural string `json:"plural"`
				} `json:"names"`
			} `json:"spec"`
		}
		if err := kjson.UnmarshalCaseSensitivePreserveInts(o.raw, &crd); err == nil {
			kind := schema.GroupKind{Group: crd.Spec.Group, Kind: crd.Spec.Names.Kind}
			k.custom[kind] = customKind{plural: crd.Spec.Names.Plural, namespaced: crd.Spec.Scope != "Cluster"}
		}
	}
	return k
}

// ownTypes are made afresh: to the scheme that client-go has, authors add their types, often with no more than the
// fields that their checks look at, and of one version.
func ownTypes() *runtime.Scheme {
	own := runtime.NewScheme()
	utilruntime.Must(scheme.AddToScheme(own))
	return own
}

// resource guesses the plural where no manifest says it.
func (k kinds) resource(kind schema.GroupVersionKind) schema.GroupVersionResource {
	guess := GuessResource(kind)
	guess.Resource = cmp.Or(k.custom[kind.GroupKind()].plural, guess.Resource)
	return guess
}

// GuessResource guesses what the resource of a kind is called, as older versions of kubectl did: by the rules of
// English. It is right for all kinds of Kubernetes itself.
func GuessResource(kind schema.GroupVersionKind) schema.GroupVersionResource {
	guess, _ := meta.UnsafeGuessKindToResource(kind)
	lower := strings.ToLower(kind.Kind)
	switch {
	case regexp.MustCompile("[aeiou]y$").MatchString(lower):
		guess.Resource = lower + "s" // gateways, where the guess is gatewaies
	case regexp.MustCompile("(x|z|ch|sh)$").MatchString(lower):
		guess.Resource = lower + "es" // sandboxes and meshes, where the guess is sandboxs and meshs
	}
	return guess
}

// namespaced says whether objects of a kind live in namespaces. Of a custom kind without a definition nothing is known,
// and an object then lives where its manifest says.
func (k kinds) namespaced(kind schema.GroupVersionKind) (namespaced, known bool) {
	if custom, ok := k.custom[kind.GroupKind()]; ok {
		return custom.namespaced, true
	}
	if !k.isOwn(kind.Group) {
		return false, false
	}
	return !k.cluster.Has(kind.GroupKind().String()), true
}

// hasMetadata is false for the few kinds of Kubernetes itself that are no objects, such as List and DeleteOptions.
func (k kinds) hasMetadata(kind schema.GroupVersionKind) bool {
	obj, err := k.own.New(kind)
	if err != nil {
		return true
	}
	_, ok := obj.(metav1.ObjectMetaAccessor)
	return ok
}

// isOwn says whether a group is one of every cluster. A name that ends in k8s.io says nothing: the projects around
// Kubernetes have such groups, too.
func (k kinds) isOwn(group string) bool {
	return k.own.IsGroupRegistered(group) || group == "apiextensions.k8s.io" || group == "apiregistration.k8s.io"
}

// clusterScoped are the kinds of Kubernetes itself that live in no namespace.
func clusterScoped() []string {
	return []string{
		"ComponentStatus", "Namespace", "Node", "PersistentVolume",
		"APIService.apiregistration.k8s.io",
		"CertificateSigningRequest.certificates.k8s.io", "ClusterTrustBundle.certificates.k8s.io",
		"ClusterRole.rbac.authorization.k8s.io", "ClusterRoleBinding.rbac.authorization.k8s.io",
		"CSIDriver.storage.k8s.io", "CSINode.storage.k8s.io", "StorageClass.storage.k8s.io",
		"VolumeAttachment.storage.k8s.io", "VolumeAttributesClass.storage.k8s.io",
		"CustomResourceDefinition.apiextensions.k8s.io",
		"DeviceClass.resource.k8s.io", "DeviceTaintRule.resource.k8s.io", "ResourceSlice.resource.k8s.io",
		"FlowSchema.flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration.flowcontrol.apiserver.k8s.io",
		"IngressClass.networking.k8s.io", "IPAddress.networking.k8s.io", "ServiceCIDR.networking.k8s.io",
		"MutatingAdmissionPolicy.admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding.admissionregistration.k8s.io",
		"MutatingWebhookConfiguration.admissionregistration.k8s.io",
		"ValidatingAdmissionPolicy.admissionregistration.k8s.io",
		"ValidatingAdmissionPolicyBinding.admissionregistration.k8s.io",
		"ValidatingWebhookConfiguration.admissionregistration.k8s.io",
		"PriorityClass.scheduling.k8s.io", "RuntimeClass.node.k8s.io",
		"SelfSubjectAccessReview.authorization.k8s.io", "SelfSubjectRulesReview.authorization.k8s.io",
		"SubjectAccessReview.authorization.k8s.io", "SelfSubjectReview.authentication.k8s.io",
		"TokenReview.authentication.k8s.io", "StorageVersion.internal.apiserver.k8s.io",
		"StorageVersionMigration.storagemigration.k8s.io",
	}
}
