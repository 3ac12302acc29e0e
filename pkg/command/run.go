// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

// Exit codes: 1 for a failure while running, 2 for a command line that cannot be understood.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// Options are what is different from one webhook to another.
type Options struct {
	// Name is what the program is called in its help and its errors; the default is webhook.
	Name string
	// Version is what the command version prints; the default is what the Go toolchain recorded of the module.
	Version string
	// Definitions are the checks and mutations that a configuration can ask for.
	Definitions []handler.Definition
	// Handlers are served beside the checks and mutations, by their paths, such as "/validate--v1-pod": webhooks of
	// controller-runtime, or anything else. "/", "/validate", "/mutate" and "/convert" are taken. They have deadlines
	// for reading and writing as the checks have; the rest is theirs.
	Handlers map[string]http.Handler
	// Conversions are those of CustomResourceDefinitions, served at /convert: one for each kind.
	Conversions []*handler.Conversion
	// WebhookConfigurations are the default of --webhook-configuration, as the flag has them: "validating/x",
	// "mutating/x", "crd/x", "apiservice/x".
	WebhookConfigurations []string
	// BuiltInSignerName is what the built-in signer is called, as DOMAIN/NAME in a domain of yours, and the default of
	// --signer-name; the default is hookstrap.dev/serving.
	BuiltInSignerName string
	// Stdin, Stdout and Stderr are those of the process by default.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

func (o Options) withDefaults() Options {
	o.Name = cmp.Or(o.Name, "webhook")
	o.BuiltInSignerName = cmp.Or(o.BuiltInSignerName, signer.BuiltIn)
	o.Stdin = cmp.Or[io.Reader](o.Stdin, os.Stdin)
	o.Stdout, o.Stderr = cmp.Or[io.Writer](o.Stdout, os.Stdout), cmp.Or[io.Writer](o.Stderr, os.Stderr)
	return o
}

// Run executes one command line, without the program's name, and returns the exit code: 0, 1 for a failure while
// running (or a denial found by check or audit, or a fault found by doctor), 2 for a command line that cannot be
// understood. Errors go to stderr as one sentence. Serving uses what a process has once, such as its signals and its
// log: call Run once in a process.
func Run(ctx context.Context, args []string, options Options) int {
	options = options.withDefaults()
	if err := options.faults(); err != nil {
		complain(options, err)
		return exitFailure
	}
	root := newRootCommand(options)
	root.SetArgs(withRequest(root, withDefaultCommand(args)))
	root.SetIn(options.Stdin)
	root.SetOut(options.Stdout)
	root.SetErr(options.Stderr)
	refuseUnknown(root)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errDenied):
		return exitFailure // The report says it all.
	case errors.Is(err, errUnreadable):
		return exitUsage // So it does.
	}
	complain(options, err)
	if errors.As(err, new(*usageError)) {
		return exitUsage
	}
	return exitFailure
}

// complain writes one sentence; of a configuration with several mistakes a list, for they are worked off one by one.
func complain(options Options, err error) {
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	if problems := config.Errors(nil); errors.As(err, &problems) && len(problems) > 1 {
		text = strings.Replace(text, " "+problems.Error(), "\n  "+strings.Join(problems, "\n  "), 1)
	}
	_, _ = fmt.Fprintf(options.Stderr, "%s: %s\n", options.Name, text)
}

// withDefaultCommand makes serve the command when none is named.
func withDefaultCommand(args []string) []string {
	if len(args) == 0 {
		return []string{"serve"}
	}
	switch first := args[0]; {
	case slices.Contains([]string{"-h", "--help", "--version"}, first):
		return args
	case strings.HasPrefix(first, "-"):
		return append([]string{"serve"}, args...)
	default:
		return args
	}
}

// Command is the tree of commands that [Run] executes, for what is written about it, as cobra's package doc writes man
// pages. It is not to be executed.
func Command(options Options) *cobra.Command {
	root := newRootCommand(options.withDefaults())
	root.InitDefaultCompletionCmd()
	return root
}

func newRootCommand(o Options) *cobra.Command {
	root := &cobra.Command{
		Use:   o.Name,
		Short: "An admission webhook server that bootstraps its own TLS",
		Long: o.Name + " runs cluster admission checks behind a TLS that it bootstraps by itself: it requests its\n" +
			"certificate through the CertificateSigningRequest API, keeps its CA in the caBundle of its webhook\n" +
			"configuration, and reloads when the certificate is renewed. The command issue does the same for a server in\n" +
			"another language, by files; request obtains one certificate for a client, or for a server without a Service;\n" +
			"authority signs certificates for the Pods of other webhooks;\n" +
			"listen holds the port open while serve restarts; check judges manifests without a cluster, and audit what is\n" +
			"in one; checks explains what is checked; rbac prints the rights that a server needs, manifest what the API\n" +
			"server has to ask it about, and scaffold writes the manifests around one; distrust takes trust away from a CA\n" +
			"whose key somebody else may have; doctor finds out why the API server cannot call a webhook.\n\n" +
			"Without a command it runs serve.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &usageError{fmt.Errorf("unknown command %q: see `%s --help`", args[0], o.Name)}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if version, _ := cmd.Flags().GetBool("version"); version {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), o.versionLine())
				return err
			}
			return cmd.Help()
		},
	}
	// Cobra's own would take -v, the verbosity of serve, and with a template of its text the linker keeps 20 MB more.
	root.Flags().Bool("version", false, "print the version")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return &usageError{elsewhere(cmd, err)} })
	addGroup(root, "Serve:", newServeCommand(o), newListenCommand(), newRBACCommand(o),
		newScaffoldCommand(o), newManifestCommand(o))
	addGroup(root, "Certificates:", newIssueCommand(o), newRequestCommand(o), newAuthorityCommand(o),
		newDistrustCommand())
	addGroup(root, "Checks:", newCheckCommand(o), newAuditCommand(o), newChecksCommand(o))
	addGroup(root, "Diagnosis:", newDoctorCommand(o))
	root.AddCommand(newVersionCommand(o))
	return root
}

// helpOrUnknown is what a command does that only has others below it.
func helpOrUnknown(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return &usageError{fmt.Errorf("unknown command %q: see `%s --help`", args[0], cmd.CommandPath())}
	}
	return cmd.Help()
}

// refuseUnknown makes Cobra's own commands refuse what they do not know. They would print a help, and succeed.
func refuseUnknown(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, command := range root.Commands() {
		switch command.Name() {
		case "help":
			command.Args = func(_ *cobra.Command, args []string) error {
				if _, rest, err := root.Find(args); err != nil || len(rest) > 0 {
					return &usageError{fmt.Errorf("unknown command %q: see `%s --help`", strings.Join(args, " "), root.Name())}
				}
				return nil
			}
		case "completion":
			command.Args, command.RunE = nil, helpOrUnknown
			for _, shell := range command.Commands() {
				shell.Args = noArguments
			}
		}
	}
}

// addGroup adds commands under a heading of their own.
func addGroup(root *cobra.Command, heading string, commands ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: heading, Title: heading})
	for _, command := range commands {
		command.GroupID = heading
		root.AddCommand(command)
	}
}

// elsewhere adds to the error about an unknown flag the commands that have it, or where the flags of cmd are listed.
func elsewhere(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return err
	}
	var owners []string
	for _, command := range cmd.Root().Commands() {
		if command.Flags().Lookup(unknown.GetSpecifiedName()) != nil {
			owners = append(owners, command.Name())
		}
	}
	if len(owners) == 0 {
		return fmt.Errorf("%w: see `%s --help`", err, cmd.CommandPath())
	}
	return fmt.Errorf("%w: it is a flag of %s", err, strings.Join(owners, ", "))
}

// noArguments refuses what is not a flag.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return &usageError{fmt.Errorf("unexpected argument %q: %s takes flags only", args[0], cmd.CommandPath())}
	}
	return nil
}

// usageError is a command line that cannot be understood.
type usageError struct{ error }

// Unwrap returns the error itself.
func (e *usageError) Unwrap() error { return e.error }
