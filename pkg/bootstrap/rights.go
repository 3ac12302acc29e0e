// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"cmp"
	"os"
	"reflect"
	"slices"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/refusal"
	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// Rules are the RBAC rules that a server with these options needs, and no others: those for its Role in its own
// namespace, and those for a ClusterRole. Objects whose names are known are named. RESTConfig and what the Pod says of
// itself are not needed. The error has all faults of the options at once.
func (o Options) Rules() (role, clusterRole []rbacv1.PolicyRule, err error) {
	if o.RESTConfig == nil {
		o.RESTConfig = &rest.Config{}
	}
	o.PodName = cmp.Or(o.PodName, "pod") // Every Pod has a name, and so events.
	if o, err = o.completed(os.Getenv); err != nil {
		return nil, nil, err
	}
	for _, right := range o.neededRights() {
		if right.Namespace == "" {
			clusterRole = withRight(clusterRole, right.ResourceAttributes)
		} else {
			role = withRight(role, right.ResourceAttributes)
		}
	}
	return role, clusterRole, nil
}

// withRight adds a right to rules. Rights to one object, which come one after the other, share a rule.
func withRight(rules []rbacv1.PolicyRule, of authorizationv1.ResourceAttributes) []rbacv1.PolicyRule {
	resource := of.Resource
	if of.Subresource != "" {
		resource += "/" + of.Subresource
	}
	rule := rbacv1.PolicyRule{APIGroups: []string{of.Group}, Resources: []string{resource}}
	if of.Name != "" {
		rule.ResourceNames = []string{of.Name}
	}
	if last := len(rules) - 1; last >= 0 {
		if rule.Verbs = rules[last].Verbs; reflect.DeepEqual(rule, rules[last]) {
			rules[last].Verbs = append(rules[last].Verbs, of.Verb)
			return rules
		}
	}
	rule.Verbs = []string{of.Verb}
	return append(rules, rule)
}

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
	if o.InForceBinding != "" {
		of := authorizationv1.ResourceAttributes{
			Group: rbacv1.GroupName, Resource: "clusterrolebindings", Name: o.InForceBinding}
		add(of, "--in-force-binding", "list", "watch", "patch")
		of.Resource = "clusterroles"
		add(of, "--in-force-binding", "bind")
	}
	if o.PublishTrustBundle {
		name := trust.BundleName(o.SignerName, types.NamespacedName{Namespace: o.Namespace, Name: o.Service})
		add(authorizationv1.ResourceAttributes{Group: certificatesv1.GroupName, Resource: "clustertrustbundles", Name: name},
			"--service-name", "create", "patch")
	}
	if o.Server.MetricsSecure {
		add(authorizationv1.ResourceAttributes{Group: authenticationv1.GroupName, Resource: "tokenreviews"}, "", "create")
		add(authorizationv1.ResourceAttributes{Group: authorizationv1.GroupName, Resource: "subjectaccessreviews"}, "",
			"create")
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
