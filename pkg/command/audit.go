// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/hookstrap/hookstrap/internal/asked"
	"github.com/hookstrap/hookstrap/internal/audit"
	"github.com/hookstrap/hookstrap/internal/auditreport"
	"github.com/hookstrap/hookstrap/internal/lifecycle"
	"github.com/hookstrap/hookstrap/internal/offline"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

// liveConfiguration begins the name of a webhook configuration that is read from the cluster.
const liveConfiguration = "validating/"

// auditOptions are the command line of audit.
type auditOptions struct {
	clientOptions
	checks  checkOptions
	audit   audit.Options
	output  string
	webhook string
}

func newAuditCommand(global Options) *cobra.Command {
	o := &auditOptions{
		clientOptions: newClientOptions(), output: "text", webhook: liveConfiguration + "hookstrap",
		checks: checkOptions{definitions: global.Definitions, configuration: config.Default(global.Definitions)},
	}
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Judge what is in a cluster as the server would",
		Long: "audit judges the objects of a cluster with the checks of the server, each as if it were created again, and\n" +
			"says what happens then: whether new Pods of a Deployment are denied, for instance. It reads and never writes.\n" +
			"What the rules and selectors of the webhook configuration leave out is not judged.\n\n" +
			"It takes the rights to get the webhook configuration, and to list Namespaces and what the server is asked\n" +
			"about. What may not be listed is said, and the rest is judged. The exit code is 0 if the server would let\n" +
			"everything in, 1 if not, and 2 if something could not be judged.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd, global) },
	}
	o.addFlags(cmd.Flags())
	return cmd
}

func (o *auditOptions) addFlags(fs *pflag.FlagSet) {
	o.checks.addFlag(fs, "configuration file of the checks (default: the checks that are on by default)")
	fs.VarP(newValue(&o.output, "text|json|sarif", o.output, parseOutput("text", "json", "sarif")), "output", "o",
		"text, json, or sarif for code-scanning services")
	fs.StringVar(&o.webhook, "webhook-configuration", o.webhook, "ValidatingWebhookConfiguration of the server, whose "+
		"rules and selectors say what is judged:\n`validating/NAME` in the cluster, or a file")
	fs.StringVar(&o.audit.User.Username, "as", "", "user who would create the objects, for exemptions; controllers "+
		"create Pods as\nthemselves")
	fs.StringArrayVar(&o.audit.User.Groups, "as-group", nil, "group of that user, repeatable")
	o.addClientFlags(fs)
}

func (o *auditOptions) run(cmd *cobra.Command, global Options) error {
	cfg, err := restConfig(o.kubeconfig)
	if err != nil {
		return &usageError{err}
	}
	if err := checkLogging(o.logging); err != nil {
		return &usageError{err}
	}
	if err := applyLogging(o.logging); err != nil {
		return err
	}
	ctrllog.SetLogger(klog.Background())
	ctx, cancel := lifecycle.SignalContext(klog.NewContext(cmd.Context(), klog.Background()), os.Exit)
	defer cancel()
	for _, warning := range o.checks.configuration.Warnings {
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "Warning: check configuration %s: %s\n", o.checks.path, warning)
	}
	cfg.QPS = -1 // A list is many pages. The API server bounds what it takes on.
	report, err := o.judge(ctx, cmd.ErrOrStderr(), cfg)
	if err != nil {
		return &usageError{err} // 1 would say that something is denied
	}
	if err := o.write(cmd, report, global); err != nil {
		return &usageError{fmt.Errorf("writing the report: %w", err)}
	}
	return resultOf(report)
}

// resultOf is the error that the exit code of an audit stands for: what is denied counts for more than what is not
// known.
func resultOf(report *auditreport.Report) error {
	switch {
	case report.DeniedOwners > 0:
		return errDenied
	case len(report.Unjudged) > 0:
		return errUnreadable
	}
	return nil
}

func (o *auditOptions) judge(ctx context.Context, terminal io.Writer, cfg *rest.Config) (*auditreport.Report, error) {
	entries, err := o.entries(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("--webhook-configuration %s: %w", o.webhook, err)
	}
	o.audit.Config, o.audit.Configuration, o.audit.Asked = cfg, o.checks.configuration, entries
	auditor, err := audit.New(o.audit)
	if err != nil {
		return nil, err
	}
	bar := newProgress(terminal)
	defer bar.clear()
	return auditreport.Collect(auditor.Run(ctx), bar.read)
}

// entries are those of the webhook configuration in the cluster or in a file.
func (o *auditOptions) entries(ctx context.Context, cfg *rest.Config) (asked.Asked, error) {
	if name, isLive := strings.CutPrefix(o.webhook, liveConfiguration); isLive {
		return audit.Entries(ctx, cfg, name)
	}
	return offline.ReadAsked(o.webhook)
}

func (o *auditOptions) write(cmd *cobra.Command, report *auditreport.Report, global Options) error {
	switch o.output {
	case "json":
		return report.WriteJSON(cmd.OutOrStdout())
	case "sarif":
		for _, what := range report.Unjudged { // The format has no place for it.
			_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "not judged: %s\n", offline.Line(what))
		}
		tool := offline.Tool{Name: global.Name, Version: global.buildVersion()}
		return report.WriteSARIF(cmd.OutOrStdout(), tool, o.checks.configuration)
	}
	return report.WriteText(cmd.OutOrStdout())
}
