// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/kubernetes/scheme"
)

// NoResource says why Kubernetes has no resource of that name, which is a plural and, except in the core group, its
// group behind a dot. It says nothing of groups that are not Kubernetes' own.
func NoResource(name string) string {
	own := kubernetesScheme()
	asked := schema.ParseGroupResource(name)
	if !own.IsGroupRegistered(asked.Group) {
		return ""
	}
	var elsewhere []string
	for kind := range own.AllKnownTypes() {
		plural, singular := meta.UnsafeGuessKindToResource(kind)
		switch found := plural.GroupResource(); {
		case kind.Group == "extensions": // Its kinds are types of client-go still, but no API server has them.
		case found == asked:
			return ""
		case found.Resource == asked.Resource, singular.Resource == asked.Resource && kind.Group == asked.Group:
			elsewhere = append(elsewhere, found.String())
		}
	}
	slices.Sort(elsewhere)
	if elsewhere = slices.Compact(elsewhere); len(elsewhere) == 0 {
		return "is no resource of Kubernetes: write its plural name and its group, as in deployments.apps"
	}
	return "is no resource of Kubernetes: write " + strings.Join(elsewhere, " or ")
}

// NeverInNamespaces says why no object of a kind can match, if the namespaces that are asked for are some, or none at
// all. The kind is a plural with its group, as for [NoResource]; of groups that are not Kubernetes' own nothing is
// known.
func NeverInNamespaces(kind string, namespaces []string) string {
	asked := schema.ParseGroupResource(kind)
	isClusterWide := clusterWide().Has(kind)
	switch {
	case isClusterWide && len(namespaces) > 0:
		return kind + " are in no namespace: name them where no namespaces are"
	case !isClusterWide && len(namespaces) == 0 && kubernetesScheme().IsGroupRegistered(asked.Group):
		return kind + " are in namespaces: say in which"
	}
	return ""
}

// clusterWide are the resources of Kubernetes whose objects are in no namespace. A Namespace is in none either.
func clusterWide() sets.Set[string] {
	return sets.New(
		"namespaces", "nodes", "persistentvolumes", "componentstatuses",
		"customresourcedefinitions.apiextensions.k8s.io", "apiservices.apiregistration.k8s.io",
		"mutatingadmissionpolicies.admissionregistration.k8s.io",
		"mutatingadmissionpolicybindings.admissionregistration.k8s.io",
		"mutatingwebhookconfigurations.admissionregistration.k8s.io",
		"validatingadmissionpolicies.admissionregistration.k8s.io",
		"validatingadmissionpolicybindings.admissionregistration.k8s.io",
		"validatingwebhookconfigurations.admissionregistration.k8s.io",
		"certificatesigningrequests.certificates.k8s.io", "clustertrustbundles.certificates.k8s.io",
		"flowschemas.flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io",
		"ingressclasses.networking.k8s.io", "ipaddresses.networking.k8s.io", "servicecidrs.networking.k8s.io",
		"runtimeclasses.node.k8s.io", "priorityclasses.scheduling.k8s.io",
		"clusterroles.rbac.authorization.k8s.io", "clusterrolebindings.rbac.authorization.k8s.io",
		"deviceclasses.resource.k8s.io", "devicetaintrules.resource.k8s.io", "resourceslices.resource.k8s.io",
		"csidrivers.storage.k8s.io", "csinodes.storage.k8s.io", "storageclasses.storage.k8s.io",
		"volumeattachments.storage.k8s.io", "volumeattributesclasses.storage.k8s.io",
		"storageversions.internal.apiserver.k8s.io", "storageversionmigrations.storagemigration.k8s.io",
		"selfsubjectreviews.authentication.k8s.io", "tokenreviews.authentication.k8s.io",
		"selfsubjectaccessreviews.authorization.k8s.io", "selfsubjectrulesreviews.authorization.k8s.io",
		"subjectaccessreviews.authorization.k8s.io")
}

// kubernetesScheme is one of our own: to the one that client-go has, authors add their types.
func kubernetesScheme() *runtime.Scheme {
	own := runtime.NewScheme()
	utilruntime.Must(scheme.AddToScheme(own))
	return own
}
