// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"slices"

	authorizationv1 "k8s.io/api/authorization/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/refusal"
	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// neededRights are what the Bootstrapper asks of the API server with these options. To read ClusterTrustBundles is
// not among them: clusters that serve them let everybody, and others are not asked twice.
func (o Options) neededRights() []refusal.Right {
	var all []refusal.Right
	add := func(of authorizationv1.ResourceAttributes, option string, verbs ...string) {
		for _, verb := range verbs {
			of.Verb = verb
			all = append(all, refusal.Right{ResourceAttributes: of, Option: option})
		}
	}
	ours := func(resource, name string) authorizationv1.ResourceAttributes {
		return authorizationv1.ResourceAttributes{Resource: resource, Name: name, Namespace: o.Namespace}
	}
	if o.Source == SourceCSR {
		add(ours("services", o.Service), "--service-name", "get", "list", "watch")
		o.addRequestRights(add)
	}
	if profile, err := o.profile(); o.Source == SourceCSR && err == nil {
		if profile.BuiltIn() {
			add(ours("secrets", ""), "", "create")
			add(ours("secrets", o.CASecretName), o.secretOption(), "get", "list", "watch", "update")
		}
		if slices.Contains(profile.CASources(), signer.SourceRootCAConfigMap) {
			add(ours("configmaps", signer.RootCAConfigMapName), "", "get", "list", "watch")
		}
	}
	for _, target := range o.WebhookConfigurations {
		resource := target.Resource()
		add(authorizationv1.ResourceAttributes{Group: resource.Group, Resource: resource.Resource, Name: target.Name},
			"--webhook-configuration", "list", "watch", "patch")
	}
	if o.PublishTrustBundle {
		name := trust.BundleName(o.SignerName, types.NamespacedName{Namespace: o.Namespace, Name: o.Service})
		add(authorizationv1.ResourceAttributes{Group: certificatesv1.GroupName, Resource: "clustertrustbundles", Name: name},
			"--service-name", "create", "patch")
	}
	if o.PodName != "" {
		add(ours("events", ""), "", "create", "patch")
	}
	return all
}

// secretOption is what the Secret of the CA has its name by.
func (o Options) secretOption() string {
	if o.CASecretName == defaultCASecretName(o.Service) {
		return "--service-name"
	}
	return "Options.CASecretName"
}

// addRequestRights adds those of the request: to create it, and whatever of approving, signing and waiting is ours to
// do.
func (o Options) addRequestRights(add func(of authorizationv1.ResourceAttributes, option string, verbs ...string)) {
	builtIn := o.SignerName == o.BuiltInSignerName
	requests := authorizationv1.ResourceAttributes{Group: certificatesv1.GroupName, Resource: "certificatesigningrequests"}
	add(requests, "", "create", "get")
	if o.Approval == csr.ApproveExternal || !builtIn {
		add(requests, "", "list", "watch")
	}
	write := func(subresource string) {
		requests.Subresource = subresource
		add(requests, "", "update")
	}
	signers := authorizationv1.ResourceAttributes{Group: certificatesv1.GroupName, Resource: "signers", Name: o.SignerName}
	if o.Approval == csr.ApproveSelf {
		write("approval")
		add(signers, "--signer-name", "approve")
	}
	if builtIn {
		write("status")
		add(signers, "--signer-name", "sign")
	}
	if o.PublishTrustBundle {
		add(signers, "--signer-name", "attest")
	}
}
