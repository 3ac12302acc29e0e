// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

// manifestOptions are the command line of manifest.
type manifestOptions struct {
	checks             checkOptions
	service, namespace string
	right              string // that the entries ask for
	targets            []bootstrap.Target
	paths              []string // of Options.Handlers, in order
}

func newManifestCommand(global Options) *cobra.Command {
	o := &manifestOptions{
		checks: checkOptions{definitions: global.Definitions, configuration: config.Default(global.Definitions)},
		paths:  slices.Sorted(maps.Keys(global.Handlers)),
	}
	cmd := &cobra.Command{
		Use:   "manifest",
		Short: "Print the webhook configurations that fit the checks and mutations",
		Long: "manifest prints a ValidatingWebhookConfiguration and a MutatingWebhookConfiguration, for kubectl apply, by\n" +
			"which the API server asks about what the checks and mutations that are on look at, and about nothing else.\n" +
			"Namespaces, users, groups and ServiceAccounts that all of them exempt are not asked about. Rules have the\n" +
			"plural names of kinds as they are usually formed: correct those of custom resources that have other ones.\n" +
			"Of the built-in checks and mutations, those of Pods say what they look at. The rules of the other checks are in\n" +
			"manifests/components/all-checks.\n" +
			"What a program serves at other paths is not known: it is named in a warning and in a comment, for entries to\n" +
			"be written by hand.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.namespace = cmp.Or(o.namespace, o.service)
			if o.service == "" {
				return &usageError{errors.New("--service-name is missing: for example my-webhook")}
			}
			if cmd.Flags().Changed("webhook-configuration") {
				if err := o.configurationsOnly(); err != nil {
					return &usageError{err}
				}
			}
			if len(o.paths) > 0 {
				_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "%s: %q\n", unknownPaths, o.paths)
			}
			return o.print(cmd.OutOrStdout())
		},
	}
	fs := cmd.Flags()
	fs.Var(newValue(&o.service, "name", "", parseService), "service-name", "Service of the webhook")
	fs.Var(newValue(&o.namespace, "name", "", parseNamespace), "namespace",
		"its namespace, which is not asked about (default the name of the Service)")
	fs.Var(newDefaultedList(&o.targets, "[kind/]name", global.WebhookConfigurations, bootstrap.ParseTarget),
		"webhook-configuration", "names of the configurations, as serve has them (default the name of the Service)")
	fs.Var(newValue(&o.right, "name", "", parseObjectName), "in-force",
		"the entries wait until a Pod is ready, by matchConditions that ask for the right of this name, which the\n"+
			"ClusterRole in in-force.yaml of scaffold has (default: they do not wait)")
	o.checks.addFlag(fs, "configuration file of the checks (default: those that are on by default)")
	return cmd
}

// configurationsOnly refuses the names of other objects, and none, of which nothing is printed.
func (o *manifestOptions) configurationsOnly() error {
	for _, target := range o.targets {
		if target.Kind != bootstrap.Validating && target.Kind != bootstrap.Mutating || target.Name == "none" {
			return fmt.Errorf("--webhook-configuration is %s, of which nothing is printed: write validating/NAME or "+
				"mutating/NAME", target)
		}
	}
	return nil
}

// unknownPaths is about what [Options.Handlers] has. To apply a configuration removes the entries that are not in it.
const unknownPaths = "Warning: the program serves these paths as well, whose entries are not in what is printed: " +
	"add them by hand before you apply it"

// print writes a configuration for the checks, and one for the mutations.
func (o *manifestOptions) print(w io.Writer) error {
	checks, mutations, err := split(o.checks.configuration)
	if err != nil {
		return err
	}
	var objects []any
	if len(checks.rules) > 0 {
		objects = append(objects, o.validating(checks))
	}
	if len(mutations.rules) > 0 {
		objects = append(objects, o.mutating(mutations))
	}
	if len(objects) == 0 {
		return errors.New("no check and no mutation is on: name some in --config")
	}
	for i, object := range objects {
		text, err := compactYAML(object)
		if err != nil {
			return fmt.Errorf("writing the webhook configurations as YAML: %w", err)
		}
		before := o.comment()
		if i > 0 {
			before = "---\n"
		}
		text = append([]byte(before), text...)
		if _, err := w.Write(text); err != nil {
			return fmt.Errorf("writing the webhook configurations: %w", err)
		}
	}
	return nil
}

// comment names the paths of which nothing is known.
func (o *manifestOptions) comment() string {
	if len(o.paths) == 0 {
		return ""
	}
	return fmt.Sprintf("# %s:\n#   %s\n", unknownPaths, strings.Join(o.paths, "\n#   "))
}

// split is what checks and mutations that are on need.
func split(c config.Configuration) (checks, mutations needs, err error) {
	var unknown []string
	for _, check := range c.Checks {
		if check.Mode == handler.Off {
			continue
		}
		of := &checks
		if check.Definition.IsMutation() {
			of = &mutations
		}
		known, err := of.add(check, c.PodTemplates)
		if err != nil {
			return checks, mutations, err
		}
		if !known {
			unknown = append(unknown, check.Definition.Name)
		}
	}
	if len(unknown) > 0 {
		err = fmt.Errorf("cannot tell what %q look at: have them implement handler.Looker, or turn them off in --config "+
			"and write their rules by hand", unknown)
		return checks, mutations, err
	}
	if _, err = handler.New(handler.Options{Entries: slices.Concat(checks.entries, mutations.entries)}); err != nil {
		err = fmt.Errorf("a program with these does not start: %w", err)
	}
	return checks, mutations, err
}

func (o *manifestOptions) validating(n needs) admissionregistrationv1.ValidatingWebhookConfiguration {
	const name = "ValidatingWebhookConfiguration"
	return admissionregistrationv1.ValidatingWebhookConfiguration{
		TypeMeta:   metav1.TypeMeta{APIVersion: admissionregistrationv1.SchemeGroupVersion.String(), Kind: name},
		ObjectMeta: metav1.ObjectMeta{Name: o.nameOf(bootstrap.Validating)},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: o.entry(), ClientConfig: o.client(validatePath), Rules: n.rules, FailurePolicy: n.failurePolicy(),
			MatchPolicy: ptr.To(admissionregistrationv1.Equivalent), NamespaceSelector: o.namespaces(n),
			SideEffects: ptr.To(admissionregistrationv1.SideEffectClassNone), TimeoutSeconds: ptr.To(int32(5)),
			AdmissionReviewVersions: []string{"v1"}, MatchConditions: o.conditions(n),
		}},
	}
}

func (o *manifestOptions) mutating(n needs) admissionregistrationv1.MutatingWebhookConfiguration {
	const name = "MutatingWebhookConfiguration"
	return admissionregistrationv1.MutatingWebhookConfiguration{
		TypeMeta:   metav1.TypeMeta{APIVersion: admissionregistrationv1.SchemeGroupVersion.String(), Kind: name},
		ObjectMeta: metav1.ObjectMeta{Name: o.nameOf(bootstrap.Mutating)},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name: o.entry(), ClientConfig: o.client(mutatePath), Rules: n.rules, FailurePolicy: n.failurePolicy(),
			MatchPolicy: ptr.To(admissionregistrationv1.Equivalent), NamespaceSelector: o.namespaces(n),
			SideEffects: ptr.To(admissionregistrationv1.SideEffectClassNone), TimeoutSeconds: ptr.To(int32(5)),
			AdmissionReviewVersions: []string{"v1"}, MatchConditions: o.conditions(n),
			// What another webhook adds is changed as well.
			ReinvocationPolicy: ptr.To(admissionregistrationv1.IfNeededReinvocationPolicy),
		}},
	}
}

func (o *manifestOptions) entry() string { return o.service + "." + o.namespace + ".svc" }

// nameOf is the name of the first configuration of a kind that the program keeps.
func (o *manifestOptions) nameOf(kind trust.Kind) string {
	i := slices.IndexFunc(o.targets, func(t bootstrap.Target) bool { return t.Kind == kind })
	if i < 0 {
		return o.service
	}
	return o.targets[i].Name
}

func (o *manifestOptions) client(path string) admissionregistrationv1.WebhookClientConfig {
	return admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{
		Name: o.service, Namespace: o.namespace, Path: &path, Port: ptr.To(int32(443))}}
}
