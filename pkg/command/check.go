// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/hookstrap/hookstrap/internal/offline"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

// errDenied is the outcome when something is denied, or warned of and that is not to be; the report says what.
var errDenied = errors.New("something is denied")

// errUnreadable is the outcome when nothing is denied, but something could not be judged; the report says what.
var errUnreadable = errors.New("something cannot be read")

// offlineOptions are the command line of check.
type offlineOptions struct {
	checks  checkOptions
	offline offline.Options
	output  string
	labels  []namespaceLabels
	webhook string // the file of the webhook configurations
	failOn  offline.Level
	// Files of known findings, to read and to write.
	baseline, writeBaseline string
}

// namespaceLabels are labels of a namespace.
type namespaceLabels struct {
	namespace string
	labels    map[string]string
}

func newCheckCommand(global Options) *cobra.Command {
	o := &offlineOptions{
		checks: checkOptions{definitions: global.Definitions, configuration: config.Default(global.Definitions)},
		output: "text", failOn: offline.Denied,
	}
	cmd := &cobra.Command{
		Use:   "check [PATH…]",
		Short: "Judge manifests as the server would, without a cluster",
		Long: "check judges manifests with the checks of the server, each object as if it were about to be created,\n" +
			"without a cluster or an API server. What checks look up in a cluster is looked up in the manifests.\n\n" +
			"Each PATH is a file, a directory, or - for standard input; -f gives one too. A directory is read with all that\n" +
			"is below it: *.yaml, *.yml and *.json, all documents, Lists too, but for what --exclude names, and for\n" +
			"directories that are links or whose names begin with a dot; name those as well if you apply them.\n\n" +
			"The exit code is 0 if the server would let everything in, 1 if not, and 2 if something could not be checked:\n" +
			"no object was found, a file cannot be read, or it is the source of a program that makes manifests of it. A file\n" +
			"that is named and is no object is denied, as an API server would do; in a directory it is left out. With\n" +
			"--fail-on=warn it is 1 as well if checks would warn. What --baseline names is known, and counts for neither.",
		RunE: func(cmd *cobra.Command, paths []string) error {
			o.offline.Paths = append(o.offline.Paths, paths...)
			if len(o.offline.Paths) == 0 {
				return &usageError{errors.New("no path is given: name files, directories, or - for standard input")}
			}
			return o.run(cmd, global)
		},
	}
	o.addFlags(cmd.Flags())
	return cmd
}

func (o *offlineOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringArrayVarP(&o.offline.Paths, "filename", "f", nil,
		"file, directory, or - for standard input, as another way to give a PATH; repeatable")
	fs.Var(newArray(&o.offline.Exclude, "pattern", offline.ParseExclusion), "exclude",
		"files and directories that are not read, repeatable: a name such as testdata or *.tmpl.yaml, or a path such as "+
			"deploy/**/tests")
	o.checks.addFlag(fs, "configuration file of the checks (default: the checks that are on by default)")
	parse := parseOutput("text", "json", "sarif", "junit")
	fs.VarP(newValue(&o.output, "text|json|sarif|junit", o.output, parse), "output", "o",
		"text, json, sarif for code-scanning services, or junit for CI services that show tests")
	fs.Var(newValue(&o.failOn, "deny|warn", "deny", parseFailOn), "fail-on",
		"what makes the exit code 1: what the server would deny, or what checks warn of as well")
	fs.StringVar(&o.baseline, "baseline", "", "`file` of known findings: what is in it is not reported again and does "+
		"not fail; what is in it and was not found is reported")
	fs.StringVar(&o.writeBaseline, "write-baseline", "", "`file` to write all findings to, for --baseline; without "+
		"--baseline, they are known to this run already")
	fs.VarP(newValue(&o.offline.Namespace, "name", "default", parseNamespace), "namespace", "n",
		"namespace of objects whose manifest does not say, as with kubectl apply")
	fs.Var(newArray(&o.labels, "name:key=value,…", parseNamespaceLabels), "namespace-labels",
		"labels that a namespace has, for what depends on them, repeatable; its manifest may say them, too")
	fs.StringVar(&o.webhook, "webhook-configuration", "", "`file` with the ValidatingWebhookConfiguration of the server: "+
		"what its rules and selectors leave out is not judged (default: everything is); with a MutatingWebhookConfiguration "+
		"in it, mutations see what that leaves in, and otherwise nothing")
	fs.BoolVar(&o.offline.ShowMutations, "show-mutations", false, "show what mutations that are on change in each "+
		"object, as text or json; checks judge the objects as changed in any case")
	fs.StringVar(&o.offline.User.Username, "as", "", "user who would create the objects, for exemptions")
	fs.StringArrayVar(&o.offline.User.Groups, "as-group", nil, "group of that user, repeatable")
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
	known, err := o.prepare(cmd)
	if err != nil {
		return &usageError{err}
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
	if err := o.compare(report, known); err != nil {
		return &usageError{err}
	}
	if err := o.write(cmd.OutOrStdout(), report, global); err != nil {
		return &usageError{fmt.Errorf("writing the report: %w", err)} // 1 would say that something is denied
	}
	switch {
	case report.Fails(o.failOn):
		return errDenied
	case report.Unreadable > 0:
		return errUnreadable
	}
	return nil
}

// prepare reads the files that flags name, and returns the baseline, if there is one.
func (o *offlineOptions) prepare(cmd *cobra.Command) (*offline.Baseline, error) {
	o.offline.Input, o.offline.Configuration, o.offline.Scheme = cmd.InOrStdin(), o.checks.configuration, scheme.Scheme
	if o.offline.ShowMutations && o.output != "text" && o.output != "json" {
		return nil, fmt.Errorf("--show-mutations is for the outputs text and json, and not for %s", o.output)
	}
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
		var err error
		if o.offline.Asked, err = offline.ReadAsked(o.webhook); err != nil {
			return nil, fmt.Errorf("--webhook-configuration: %w", err)
		}
		if o.offline.Mutating, err = offline.ReadMutating(o.webhook); err != nil {
			return nil, fmt.Errorf("--webhook-configuration: %w", err)
		}
		o.offline.NoMutations = o.offline.Mutating.IsAll()
	}
	for _, warning := range o.checks.configuration.Warnings {
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "Warning: check configuration %s: %s\n", o.checks.path, warning)
	}
	if o.baseline == "" {
		return nil, nil //nolint:nilnil // no file is no baseline, and no error
	}
	known, err := offline.ReadBaseline(o.baseline)
	if err != nil {
		return nil, fmt.Errorf("--baseline: %w", err)
	}
	return known, nil
}
