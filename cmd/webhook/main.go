// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Command webhook is an admission webhook server that bootstraps its own TLS, and does that for other servers too. See
// `webhook serve --help` and `webhook issue --help`.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// version is set by the linker: -X main.version=v1.2.3.
var version string

// Exit codes: 1 for a failure while running, 2 for a command line that cannot be understood.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// run executes one command line and returns the exit code. Errors go to stderr as one sentence.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRootCommand()
	root.SetArgs(withDefaultCommand(args))
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	_, _ = fmt.Fprintf(stderr, "webhook: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	return exitFailure
}

// withDefaultCommand makes serve the command when none is named.
func withDefaultCommand(args []string) []string {
	if len(args) == 0 {
		return []string{"serve"}
	}
	switch first := args[0]; {
	case first == "-h", first == "--help":
		return args
	case strings.HasPrefix(first, "-"):
		return append([]string{"serve"}, args...)
	default:
		return args
	}
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "webhook",
		Short: "An admission webhook server that bootstraps its own TLS",
		Long: "webhook runs cluster admission checks behind a TLS that it bootstraps by itself: it requests its\n" +
			"certificate through the CertificateSigningRequest API, keeps its CA in the caBundle of its webhook\n" +
			"configuration, and reloads when the certificate is renewed. The command issue does the same for a server in\n" +
			"another language, by files.\n\nWithout a command it runs serve.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &usageError{fmt.Errorf("unknown command %q: see `webhook --help`", args[0])}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.AddCommand(newServeCommand(os.Getenv), newIssueCommand(os.Getenv), newVersionCommand())
	return root
}

// noArguments refuses what is not a flag.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return &usageError{fmt.Errorf("unexpected argument %q: %s takes flags only", args[0], cmd.CommandPath())}
	}
	return nil
}

// usageError is a command line that cannot be understood.
type usageError struct{ err error }

// Error implements error.
func (e *usageError) Error() string { return e.err.Error() }

// Unwrap implements errors.Unwrap.
func (e *usageError) Unwrap() error { return e.err }
