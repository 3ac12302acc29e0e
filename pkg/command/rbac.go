// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"cmp"
	"fmt"
	"io"
	"reflect"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/hookstrap/hookstrap/internal/asked"
	"github.com/hookstrap/hookstrap/internal/offline"
	"github.com/hookstrap/hookstrap/internal/view"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

// rbacOptions are the command line of rbac: what serve and issue are told, as far as rights depend on it.
type rbacOptions struct {
	commonOptions
	checks         checkOptions
	name           string
	cleanConfigMap string
	objectEvents   bool
	rules          asked.Asked // by which the server is asked; those of the base install if empty
}

func newRBACCommand(global Options) *cobra.Command {
	o := &rbacOptions{
		commonOptions: newCommonOptions(),
		checks:        checkOptions{definitions: global.Definitions, configuration: config.Default(global.Definitions)},
	}
	o.callBuiltInSigner(global.BuiltInSignerName)
	o.keep(global.WebhookConfigurations)
	cmd := &cobra.Command{
		Use:   "rbac",
		Short: "Print the RBAC rules that serve or issue needs with the same flags",
		Long: "rbac prints a Role, a ClusterRole and their bindings, for kubectl apply: what serve or issue needs with\n" +
			"the same flags, and no more. Objects are named wherever their names are known.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.complete()
			// Without either, only the name of the Service is said to be missing.
			o.bootstrap.ServiceAccount = cmp.Or(o.bootstrap.ServiceAccount, o.bootstrap.Service, "service")
			return o.print(cmd.OutOrStdout())
		},
	}
	o.addFlags(cmd.Flags())
	return cmd
}

func (o *rbacOptions) addFlags(fs *pflag.FlagSet) {
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	o.addIdentityFlags(all)
	o.addCertificateFlags(all)
	o.addMetricsSecureFlag(all)
	all.Lookup("service-account").Usage = "ServiceAccount that gets the rights (default the name of the Service)"
	for _, name := range []string{
		"service-name", "namespace", "service-account", "webhook-configuration", "signer-name", "approve", "ca-secret-name",
		"publish-trust-bundle", "in-force-binding", "metrics-secure",
	} {
		fs.AddFlag(all.Lookup(name))
	}
	fs.Var(newValue(&o.name, "name", "", parseObjectName), "name",
		"name of the roles and of their bindings (default that of the Service)")
	o.checks.addFlag(fs, "configuration file of the checks, for what they look up, and for the mode denyWhenClean "+
		"(default: the\nchecks that are on by default)")
	fs.Var(newValue(&o.cleanConfigMap, "name", "", parseObjectName), "clean-configmap-name",
		"ConfigMap of the checks in mode denyWhenClean (default the Service's name and -clean)")
	fs.BoolVar(&o.objectEvents, "object-events", false,
		"add the right to write events in all namespaces, for serve with this flag")
	fs.Var(newValue(&o.rules, "file", "", offline.ReadAsked), "asked-by", "file with the ValidatingWebhookConfiguration "+
		"whose rules say what the server lists for checks in mode\ndenyWhenClean (default: the rules of the base install)")
}

// print writes the four objects.
func (o *rbacOptions) print(w io.Writer) error {
	role, clusterRole, err := o.bootstrap.Rules()
	if err != nil {
		return withFlags(err, nil)
	}
	read, err := rulesToRead(o.checks.configuration)
	if err != nil {
		return err
	}
	cleanRole, cleanClusterRole := o.cleanRules()
	role, read = append(role, cleanRole...), append(read, cleanClusterRole...)
	if o.objectEvents {
		read = append(read, ruleFor("", "events", "create", "patch"))
	}
	b := o.bootstrap
	inNamespace := metav1.ObjectMeta{Name: cmp.Or(o.name, b.Service), Namespace: b.Namespace}
	everywhere := metav1.ObjectMeta{Name: inNamespace.Name}
	subjects := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: b.ServiceAccount, Namespace: b.Namespace}}
	to := func(kind string) rbacv1.RoleRef {
		return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: inNamespace.Name}
	}
	objects := []any{
		rbacv1.Role{TypeMeta: kind("Role"), ObjectMeta: inNamespace, Rules: role},
		rbacv1.RoleBinding{TypeMeta: kind("RoleBinding"), ObjectMeta: inNamespace, RoleRef: to("Role"), Subjects: subjects},
		rbacv1.ClusterRole{TypeMeta: kind("ClusterRole"), ObjectMeta: everywhere, Rules: append(clusterRole, read...)},
		rbacv1.ClusterRoleBinding{
			TypeMeta: kind("ClusterRoleBinding"), ObjectMeta: everywhere, RoleRef: to("ClusterRole"), Subjects: subjects},
	}
	for i, object := range objects {
		text, err := compactYAML(object)
		if err != nil {
			return fmt.Errorf("writing the RBAC rules as YAML: %w", err)
		}
		if i > 0 {
			text = append([]byte("---\n"), text...)
		}
		if _, err := w.Write(text); err != nil {
			return fmt.Errorf("writing the RBAC rules: %w", err)
		}
	}
	return nil
}

func kind(name string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: name}
}

// rulesToRead are those for what the checks look up in the cluster.
func rulesToRead(c config.Configuration) ([]rbacv1.PolicyRule, error) {
	var rules []rbacv1.PolicyRule
	for _, read := range c.Reads() {
		kind, err := apiutil.GVKForObject(view.TypeOf(read), scheme.Scheme)
		if err != nil {
			return nil, fmt.Errorf("finding the resource of %s, which checks look up: %w", view.Name(read), err)
		}
		resource := offline.GuessResource(kind)
		rule := rbacv1.PolicyRule{
			APIGroups: []string{resource.Group}, Resources: []string{resource.Resource}, Verbs: []string{"get", "list", "watch"},
		}
		// Two views may be of one kind.
		if !slices.ContainsFunc(rules, func(r rbacv1.PolicyRule) bool { return reflect.DeepEqual(r, rule) }) {
			rules = append(rules, rule)
		}
	}
	return rules, nil
}
