// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/lifecycle"
	"github.com/hookstrap/hookstrap/internal/offline"
	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/pkg/doctor"
	"github.com/hookstrap/hookstrap/pkg/doctor/collect"
)

// doctorOptions are the command line of doctor.
type doctorOptions struct {
	clientOptions
	collect collect.Options
	targets []trust.Target
	files   []string
	output  string

	watch    bool
	interval time.Duration
}

func newDoctorCommand(global Options) *cobra.Command {
	o := &doctorOptions{clientOptions: newClientOptions(), output: "text", interval: 30 * time.Second}
	o.collect.Connect, o.collect.Timeout = collect.PortForward, 5*time.Second
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find out why the API server cannot call a webhook",
		Long: "doctor finds out why the API server cannot call a webhook, any webhook of the cluster, and what will go " +
			"wrong\n" +
			"later. It follows each entry as the API server does: the Service, its port, the endpoints, the caBundle, and a\n" +
			"TLS handshake with each server, through a port-forward. It says which webhooks do not come back after all Pods\n" +
			"are gone, or one node, because one that fails closed refuses what they need. With -f, it judges manifests,\n" +
			"without a cluster.\n\n" +
			"It reads and never writes, with the rights of its user. What may not be read is said, and the rest is judged.\n" +
			"With --probe, it sends dry runs as well, which change nothing, and reads what the API server says of the calls.\n" +
			"The exit code is 0 if nothing is wrong, 1 if there is an error or a warning, and 2 if something could not be\n" +
			"judged. With --watch, it is that of the last state.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd, global) },
	}
	o.addFlags(cmd.Flags())
	return cmd
}

func (o *doctorOptions) addFlags(fs *pflag.FlagSet) {
	fs.VarP(newValue(&o.collect.Namespace, "name", "", parseNamespace), "namespace", "n",
		"judge only entries that call a Service in this namespace; with -f, the namespace of what names none")
	fs.Var(newList(&o.targets, "[kind/]name", parseTarget), "webhook-configuration",
		"judge only this object: [validating/|mutating/|crd/|apiservice/]NAME, repeatable")
	fs.StringArrayVarP(&o.files, "filename", "f", nil, "judge the manifests in this `file` or directory, or - for "+
		"standard "+
		"input,\ninstead of a cluster; repeatable")
	fs.VarP(newValue(&o.output, "text|json|sarif", o.output, parseDoctorOutput), "output", "o",
		"text, json, or sarif for code-scanning services")
	fs.Var(newValue(&o.collect.Connect, "way", string(o.collect.Connect), parseConnect), "connect",
		"how to reach Pods for handshakes: port-forward, direct (in a Pod or on a node), or none")
	timeout := newValue(&o.collect.Timeout, "duration", o.collect.Timeout.String(), parseTimeout)
	fs.Var(timeout, "handshake-timeout", "how long one handshake may take")
	fs.BoolVar(&o.collect.Probe, "probe", false, "send a dry run that the rules of each entry match, and read the "+
		"API server's "+
		"answer,\nits metrics and its proxy settings")
	fs.BoolVarP(&o.watch, "watch", "w", false, "look again and again, and write what has changed, until interrupted")
	fs.Var(newValue(&o.interval, "duration", o.interval.String(), parseInterval), "interval",
		"how long --watch waits between two looks, at least 1s")
	o.addClientFlags(fs)
}

func parseDoctorOutput(text string) (string, error) {
	switch text {
	case "text", "json", "sarif":
		return text, nil
	}
	return "", fmt.Errorf("unknown output %q: use text, json or sarif", text)
}

func parseConnect(text string) (collect.Connect, error) {
	switch way := collect.Connect(text); way {
	case collect.PortForward, collect.Direct, collect.None:
		return way, nil
	}
	return "", fmt.Errorf("unknown way %q: use port-forward, direct or none", text)
}

func (o *doctorOptions) run(cmd *cobra.Command, global Options) error {
	if err := checkLogging(o.logging); err != nil {
		return &usageError{err}
	}
	if err := o.conflicts(cmd.Flags()); err != nil {
		return &usageError{err}
	}
	if len(o.files) > 0 {
		return o.once(cmd, global, func(context.Context) (*doctor.Facts, error) { return o.manifests(cmd) })
	}
	cfg, err := restConfig(o.kubeconfig)
	if err == nil {
		err = applyLogging(o.logging)
	}
	if err != nil {
		return &usageError{err}
	}
	o.collect.Config = cfg
	for _, t := range o.targets {
		o.collect.Objects = append(o.collect.Objects, objectOf(t))
	}
	gather := func(ctx context.Context) (*doctor.Facts, error) { return o.cluster(ctx, cmd.ErrOrStderr()) }
	if !o.watch {
		return o.once(cmd, global, gather)
	}
	return o.again(cmd, global, gather)
}

// conflicts are flags that do not go together.
func (o *doctorOptions) conflicts(fs *pflag.FlagSet) error {
	ofClusters := []string{"webhook-configuration", "watch", "interval", "probe", "connect", "handshake-timeout"}
	if i := slices.IndexFunc(ofClusters, fs.Changed); i >= 0 && len(o.files) > 0 {
		return fmt.Errorf("--%s is for a cluster: it cannot be combined with -f", ofClusters[i])
	}
	switch {
	case fs.Changed("interval") && !o.watch:
		return errors.New("--interval is for --watch: add that, or leave it out")
	case o.watch && o.output == "sarif":
		return errors.New("--watch has no end to write one SARIF log at: use -o text or json")
	}
	return nil
}

// gatherFunc gathers facts.
type gatherFunc func(context.Context) (*doctor.Facts, error)

// once judges and writes the report.
func (o *doctorOptions) once(cmd *cobra.Command, global Options, gather gatherFunc) error {
	ctx, cancel := lifecycle.SignalContext(klog.NewContext(cmd.Context(), klog.Background()), os.Exit)
	defer cancel()
	facts, err := gather(ctx)
	if err != nil {
		return &usageError{err} // 1 would say that something is wrong with a webhook.
	}
	report := doctor.Examine(facts)
	if err := o.write(cmd, report, global); err != nil {
		return &usageError{fmt.Errorf("writing the report: %w", err)}
	}
	return outcome(report)
}

// again judges until the user ends it.
func (o *doctorOptions) again(cmd *cobra.Command, global Options, gather gatherFunc) error {
	ctx, cancel := lifecycle.SignalContext(klog.NewContext(cmd.Context(), klog.Background()), os.Exit)
	defer cancel()
	history, out := &doctor.History{}, cmd.OutOrStdout()
	watch := &doctorWatch{
		look: func(ctx context.Context) (*doctor.Report, error) {
			facts, err := gather(ctx)
			if err != nil {
				return nil, err
			}
			history.Note(facts)
			return doctor.Examine(facts), nil
		},
		whole: func(r *doctor.Report) error { return o.write(cmd, r, global) },
		changes: func(c *doctor.Changes) error {
			if o.output == "json" {
				return c.WriteJSON(out)
			}
			return c.WriteText(out, isColored(out))
		},
		failures: cmd.ErrOrStderr(), interval: o.interval, now: time.Now,
	}
	report, err := watch.run(ctx)
	switch {
	case err != nil:
		return &usageError{err}
	case report == nil:
		return errUnreadable
	}
	return outcome(report)
}

// outcome is the exit code of a report.
func outcome(report *doctor.Report) error {
	switch {
	case report.Wrong():
		return errDenied
	case report.Unjudged():
		return errUnreadable
	}
	return nil
}

// cluster gathers facts, and says on a terminal how far it is.
func (o *doctorOptions) cluster(ctx context.Context, stderr io.Writer) (*doctor.Facts, error) {
	bar := newProgress(stderr)
	defer bar.clear()
	options := o.collect
	options.Progress = bar.step
	facts, err := collect.Cluster(ctx, options)
	if err != nil {
		return nil, err
	}
	return facts, missing(facts, options.Objects)
}

// missing says which of the objects that were named have no entries. It is an error: a user who names one means it.
func missing(facts *doctor.Facts, named []doctor.Object) error {
	found := map[doctor.Object]bool{}
	for i := range facts.Entries {
		found[facts.Entries[i].Object] = true
	}
	for _, object := range named {
		if !found[object] && !slices.ContainsFunc(facts.Unread, func(u doctor.Unread) bool { return !u.Minor }) {
			return fmt.Errorf("--webhook-configuration: %s does not exist, or calls nothing", object)
		}
	}
	return nil
}

func objectOf(t trust.Target) doctor.Object {
	kind := map[trust.Kind]string{
		trust.Validating: doctor.KindValidating, trust.Mutating: doctor.KindMutating, trust.CRD: doctor.KindCRD,
		trust.APIService: doctor.KindAPIService,
	}[t.Kind]
	return doctor.Object{Kind: kind, Name: t.Name}
}

// manifests reads files. What is no object is said, and the rest is judged.
func (o *doctorOptions) manifests(cmd *cobra.Command) (*doctor.Facts, error) {
	found, unreadable, err := offline.Manifests(o.files, cmd.InOrStdin())
	if err != nil {
		return nil, err
	}
	objects := make([]collect.Manifest, 0, len(found))
	for i := range found {
		objects = append(objects, collect.Manifest{
			Kind: found[i].Kind, JSON: found[i].JSON, At: fmt.Sprintf("%s:%d", found[i].File, found[i].Line)})
	}
	facts := collect.Manifests(objects, o.collect.Namespace, time.Now())
	if len(facts.Entries)+len(facts.Unread)+len(unreadable) == 0 {
		unreadable = []string{fmt.Sprintf("nothing in %s calls a webhook: name files with webhook configurations, "+
			"CustomResourceDefinitions with a conversion webhook, or APIServices", strings.Join(o.files, ", "))}
	}
	for _, what := range unreadable {
		facts.Unread = append(facts.Unread, doctor.Unread{Resource: "manifests", Reason: what})
	}
	return facts, nil
}

func (o *doctorOptions) write(cmd *cobra.Command, report *doctor.Report, global Options) error {
	switch o.output {
	case "json":
		return report.WriteJSON(cmd.OutOrStdout())
	case "sarif":
		for _, u := range report.Unread { // The format has no place for it.
			_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "not judged: %s\n", offline.Line(u.Reason))
		}
		return writeDoctorSARIF(cmd.OutOrStdout(), report, offline.Tool{Name: global.Name, Version: global.buildVersion()})
	}
	return report.WriteText(cmd.OutOrStdout(), isColored(cmd.OutOrStdout()))
}

// isColored says whether the output is a terminal whose user has not asked for no colors (https://no-color.org).
func isColored(w any) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) && os.Getenv("NO_COLOR") == ""
}
