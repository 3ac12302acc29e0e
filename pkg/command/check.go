// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/hookstrap/hookstrap/internal/offline"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

// errDenied is the outcome when something is denied; the report says what.
var errDenied = errors.New("something is denied")

// errUnreadable is the outcome when nothing is denied, but something could not be judged; the report says what.
var errUnreadable = errors.New("something cannot be read")

// offlineOptions are the command line of check.
type offlineOptions struct {
	checks  checkOptions
	offline offline.Options
	output  string
	labels  []namespaceLabels
	webhook string // the file of the webhook configuration
}

// namespaceLabels are labels of a namespace.
type namespaceLabels struct {
	namespace string
	labels    map[string]string
}

func newCheckCommand(global Options) *cobra.Command {
	o := &offlineOptions{
		checks: checkOptions{definitions: global.Definitions, configuration: config.Default(global.Definitions)},
		output: "text",
	}
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Judge manifests as the server would, without a cluster",
		Long: "check judges manifests with the checks of the server, each object as if it were about to be created,\n" +
			"without a cluster or an API server. What checks look up in a cluster is looked up in the manifests.\n\n" +
			"A directory is read with all that is below it: *.yaml, *.yml and *.json, all documents, Lists too. The exit\n" +
			"code is 0 if the server would let everything in, 1 if not, and 2 if something could not be checked: no\n" +
			"object was found, a file cannot be read, or it is the source of a program that makes manifests of it.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(o.offline.Paths) == 0 {
				return &usageError{errors.New("--filename is missing: name a file, a directory, or - for standard input")}
			}
			return o.run(cmd, global)
		},
	}
	o.addFlags(cmd.Flags())
	return cmd
}

func (o *offlineOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringArrayVarP(&o.offline.Paths, "filename", "f", nil,
		"file, directory, or - for standard input; repeatable")
	o.checks.addFlag(fs, "configuration file of the checks (default: the checks that are on by default)")
	fs.VarP(newValue(&o.output, "text|json|sarif", o.output, parseOutput), "output", "o",
		"text, json, or sarif for code-scanning services")
	fs.VarP(newValue(&o.offline.Namespace, "name", "default", parseNamespace), "namespace", "n",
		"namespace of objects whose manifest does not say, as with kubectl apply")
	fs.Var(newArray(&o.labels, "name:key=value,…", parseNamespaceLabels), "namespace-labels",
		"labels that a namespace has, for what depends on them, repeatable; its manifest may say them, too")
	fs.StringVar(&o.webhook, "webhook-configuration", "", "`file` with the ValidatingWebhookConfiguration of the server: "+
		"what its rules and selectors leave out is not judged (default: everything is)")
	fs.StringVar(&o.offline.User.Username, "as", "", "user who would create the objects, for exemptions")
	fs.StringArrayVar(&o.offline.User.Groups, "as-group", nil, "group of that user, repeatable")
}

func parseOutput(text string) (string, error) {
	switch text {
	case "text", "json", "sarif":
		return text, nil
	}
	return "", fmt.Errorf("unknown output %q: use text, json or sarif", text)
}

func parseNamespaceLabels(text string) (namespaceLabels, error) {
	name, list, _ := strings.Cut(text, ":")
	name, err := parseNamespace(name)
	if err != nil {
		return namespaceLabels{}, err
	}
	set, err := labels.ConvertSelectorToLabelsMap(list)
	if err != nil || len(set) == 0 {
		return namespaceLabels{}, fmt.Errorf("%q has no labels: write NAME:KEY=VALUE, and more behind commas", text)
	}
	return namespaceLabels{name, set}, nil
}

func (o *offlineOptions) run(cmd *cobra.Command, global Options) error {
	o.offline.Input, o.offline.Configuration, o.offline.Scheme = cmd.InOrStdin(), o.checks.configuration, scheme.Scheme
	o.offline.NamespaceLabels = map[string]map[string]string{}
	for _, l := range o.labels {
		set := o.offline.NamespaceLabels[l.namespace]
		if set == nil {
			set = map[string]string{}
			o.offline.NamespaceLabels[l.namespace] = set
		}
		maps.Copy(set, l.labels)
	}
	if o.webhook != "" {
		asked, err := offline.ReadAsked(o.webhook)
		if err != nil {
			return &usageError{fmt.Errorf("--webhook-configuration: %w", err)}
		}
		o.offline.Asked = asked
	}
	for _, warning := range o.checks.configuration.Warnings {
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "Warning: check configuration %s: %s\n", o.checks.path, warning)
	}
	bar := newProgress(cmd.ErrOrStderr())
	o.offline.Progress = bar.update
	report, err := offline.Judge(cmd.Context(), o.offline)
	bar.clear()
	switch {
	case cmd.Context().Err() != nil:
		return err
	case err != nil:
		return &usageError{err}
	}
	if err := o.write(cmd.OutOrStdout(), report, global); err != nil {
		return &usageError{fmt.Errorf("writing the report: %w", err)} // 1 would say that something is denied
	}
	switch {
	case report.DeniedObjects > 0:
		return errDenied
	case report.Unreadable > 0:
		return errUnreadable
	}
	return nil
}

func (o *offlineOptions) write(w io.Writer, report *offline.Report, global Options) error {
	switch o.output {
	case "json":
		return report.WriteJSON(w)
	case "sarif":
		directory, _ := os.Getwd() // Paths stay as they are without it.
		tool := offline.Tool{Name: global.Name, Version: global.buildVersion(), Directory: directory}
		return report.WriteSARIF(w, tool, o.checks.configuration)
	}
	return report.WriteText(w)
}
