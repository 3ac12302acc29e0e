// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package site

import (
	"cmp"
	"context"
	"slices"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// The names that are the same in every site: each has a namespace of its own.
const (
	Service        = "hookstrap"
	ServiceAccount = "hookstrap"
)

// Site is one installation.
type Site struct {
	Cluster *cluster.Cluster
	// Admin may do everything.
	Admin kubernetes.Interface
	// Namespace is the server's, Target the one whose Pods it judges.
	Namespace, Target string
	// Configuration is the ValidatingWebhookConfiguration's name, and that of the cluster-wide RBAC objects.
	Configuration string
	// SignerName is what the built-in signer is called.
	SignerName string
	// Port is where the API server finds the server on localhost.
	Port int
	// Reconnect makes the API server shake hands for every call, so that each sees what is served and trusted by then;
	// it would keep a connection for as long as it is of use.
	Reconnect bool
	// Waits says that the entries are not in force until a server is ready: see [Options.Waits].
	Waits bool
	// Shipped is what the manifests say.
	Shipped Shipped
}

// Options changes what is installed; the zero value is what the manifests install.
type Options struct {
	// Manifests is the kustomization; the default is "manifests".
	Manifests string
	// Shipped is what Manifests contain, where a test installs many sites and has rendered them once.
	Shipped *Shipped
	// SignerName is what the built-in signer is called; the default is [signer.BuiltIn].
	SignerName string
	// WithoutConfiguration leaves the webhook configuration out; see [Site.CreateConfiguration].
	WithoutConfiguration bool
	// Configuration is the webhook configuration's name; the default is the namespace's.
	Configuration string
	// Port is where the API server finds the server on localhost; the default is a free one.
	Port int
	// Waits leaves the entries as they are shipped, which are not in force until a server is ready. Without it they have
	// no matchConditions, so that tests of something else do not wait.
	Waits bool
	// Edit changes what the manifests say before it is installed; nil changes nothing.
	Edit func(*Shipped)
}

// New installs a site on c and removes it when the test ends.
func New(t testing.TB, c *cluster.Cluster, options Options) *Site {
	t.Helper()
	if options.Manifests == "" {
		options.Manifests = "manifests"
	}
	shipped := options.Shipped
	if shipped == nil {
		rendered, err := Render(t.Context(), c, options.Manifests)
		must(t, err)
		shipped = &rendered
	}
	if options.Edit != nil {
		options.Edit(shipped)
	}
	admin, err := kubernetes.NewForConfig(c.Config())
	must(t, err)
	s := &Site{
		Cluster: c, Admin: admin, Shipped: *shipped, SignerName: cmp.Or(options.SignerName, signer.BuiltIn),
		Namespace: clustertest.Namespace(t, c),
		Target:    clustertest.Namespace(t, c),
		Port:      options.Port,
		Waits:     options.Waits,
	}
	if s.Port == 0 {
		s.Port = clustertest.FreePort(t)
	}
	s.Configuration = cmp.Or(options.Configuration, s.Namespace)
	s.createAccount(t)
	s.createRoles(t)
	if s.Waits {
		s.createInForce(t)
	}
	s.createService(t)
	if !options.WithoutConfiguration {
		s.CreateConfiguration(t)
	}
	s.awaitRules(t)
	return s
}

// Reinstall installs everything once more under the same names, after the cluster has lost it.
func (s *Site) Reinstall(t testing.TB) {
	t.Helper()
	for _, name := range []string{s.Namespace, s.Target} {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		_, err := s.Admin.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{})
		must(t, err)
		clustertest.Eventually(t, func(ctx context.Context) error { return cluster.NamespaceReady(ctx, s.Admin, name) })
	}
	s.createAccount(t)
	s.createRoles(t)
	s.createService(t)
	s.CreateConfiguration(t)
	s.awaitRules(t)
}

// Config authenticates as the site's ServiceAccount.
func (s *Site) Config(t testing.TB) *rest.Config {
	t.Helper()
	cfg, err := s.Cluster.ServiceAccountConfig(t.Context(), s.Namespace, ServiceAccount)
	must(t, err)
	return cfg
}

func (s *Site) createAccount(t testing.TB) {
	t.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: ServiceAccount}}
	_, err := s.Admin.CoreV1().ServiceAccounts(s.Namespace).Create(t.Context(), account, metav1.CreateOptions{})
	must(t, err)
}

// createRoles installs the shipped rules, with the configuration's name put in where they name it.
func (s *Site) createRoles(t testing.TB) {
	t.Helper()
	ctx, rbac := t.Context(), s.Admin.RbacV1()
	subjects := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: ServiceAccount, Namespace: s.Namespace}}
	_, err := rbac.ClusterRoles().Create(ctx, s.ClusterRole(), metav1.CreateOptions{})
	must(t, err)
	_, err = rbac.ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: s.Configuration}, Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: s.Configuration},
	}, metav1.CreateOptions{})
	must(t, err)
	_, err = rbac.Roles(s.Namespace).Create(ctx, s.Role(), metav1.CreateOptions{})
	must(t, err)
	_, err = rbac.RoleBindings(s.Namespace).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: s.Shipped.Role.Name}, Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: s.Shipped.Role.Name},
	}, metav1.CreateOptions{})
	must(t, err)
	cleanup(t, func(ctx context.Context) error {
		return rbac.ClusterRoles().Delete(ctx, s.Configuration, metav1.DeleteOptions{})
	})
	cleanup(t, func(ctx context.Context) error {
		return rbac.ClusterRoleBindings().Delete(ctx, s.Configuration, metav1.DeleteOptions{})
	})
}

// ClusterRole is the shipped one, as it is installed in this site.
func (s *Site) ClusterRole() *rbacv1.ClusterRole {
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: s.Configuration}}
	for _, rule := range s.Shipped.ClusterRole.Rules {
		rule = *rule.DeepCopy()
		if slices.Contains(rule.Resources, "validatingwebhookconfigurations") {
			rule.ResourceNames = []string{s.Configuration}
		}
		if slices.Contains(rule.ResourceNames, s.Shipped.InForce.Name) {
			rule.ResourceNames = []string{s.InForceBinding()}
		}
		if slices.Contains(rule.ResourceNames, signer.BuiltIn) {
			rule.ResourceNames = []string{s.SignerName}
		}
		if slices.Contains(rule.Resources, "clustertrustbundles") && len(rule.ResourceNames) > 0 {
			rule.ResourceNames = []string{s.TrustBundle()}
		}
		role.Rules = append(role.Rules, rule)
	}
	return role
}

// TrustBundle is the name of the ClusterTrustBundle that this site's servers publish, if they are told to.
func (s *Site) TrustBundle() string {
	return trust.BundleName(s.SignerName, types.NamespacedName{Namespace: s.Namespace, Name: Service})
}

// Role is the shipped one, as it is installed in this site.
func (s *Site) Role() *rbacv1.Role {
	return &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Name: s.Shipped.Role.Name, Namespace: s.Namespace},
		Rules:      s.Shipped.Role.Rules,
	}
}

func (s *Site) createService(t testing.TB) {
	t.Helper()
	_, err := s.Admin.CoreV1().Services(s.Namespace).Create(t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: Service},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeExternalName, ExternalName: "localhost",
			Ports: []corev1.ServicePort{{Port: int32(s.Port), TargetPort: intstr.FromInt(s.Port)}}, // #nosec G115 -- a port.
		},
	}, metav1.CreateOptions{})
	must(t, err)
}

// CreateConfiguration installs the shipped webhook configuration for the Pods of the Target namespace.
func (s *Site) CreateConfiguration(t testing.TB) *admissionv1.ValidatingWebhookConfiguration {
	t.Helper()
	configuration := s.Local(s.Shipped.Configuration)
	configurations := s.Admin.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	created, err := configurations.Create(t.Context(), configuration, metav1.CreateOptions{})
	must(t, err)
	cleanup(t, func(ctx context.Context) error {
		return configurations.Delete(ctx, s.Configuration, metav1.DeleteOptions{})
	})
	return created
}

// Local is a shipped webhook configuration for this site: under its name, and for the Pods of the Target namespace.
func (s *Site) Local(shipped admissionv1.ValidatingWebhookConfiguration) *admissionv1.ValidatingWebhookConfiguration {
	configuration := shipped.DeepCopy()
	configuration.ObjectMeta = metav1.ObjectMeta{Name: s.Configuration}
	for i := range configuration.Webhooks {
		webhook := &configuration.Webhooks[i]
		webhook.ClientConfig.Service.Namespace = s.Namespace
		webhook.ClientConfig.Service.Port = new(int32(s.Port)) // #nosec G115 -- a port.
		webhook.MatchConditions = s.matchConditions(webhook.MatchConditions)
		webhook.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: s.Target}}
	}
	return configuration
}

// LiveConfiguration reads the webhook configuration.
func (s *Site) LiveConfiguration(ctx context.Context) (*admissionv1.ValidatingWebhookConfiguration, error) {
	return s.Admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Get(
		ctx,
		s.Configuration,
		metav1.GetOptions{},
	)
}

// cleanup runs undo after the test. Its error does not matter: the cluster goes away as a whole.
func cleanup(t testing.TB, undo func(context.Context) error) {
	t.Helper()
	t.Cleanup(func() { _ = undo(context.WithoutCancel(t.Context())) })
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
