// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

// newChecksCommand makes the command that tells what the checks are, and whether a configuration of them is valid.
func newChecksCommand(o Options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "checks",
		Short: "List and explain the checks and mutations, and validate a configuration of them",
		RunE:  helpOrUnknown,
	}
	cmd.AddCommand(
		&cobra.Command{
			Use: "list", Args: noArguments,
			Short: "Print each check and mutation, its mode by default, and what it denies or changes",
			RunE:  func(cmd *cobra.Command, _ []string) error { return listChecks(cmd.OutOrStdout(), o.Definitions) },
		},
		&cobra.Command{
			Use: "explain NAME", Args: oneArgument("name of a check or mutation"),
			Short: "Print what a check or mutation is for, its parameters, and an object that it denies or changes",
			RunE:  func(cmd *cobra.Command, args []string) error { return o.explain(cmd.OutOrStdout(), args[0]) },
		},
		&cobra.Command{
			Use: "validate FILE", Short: "Say whether a configuration file is valid, - for standard input, and what is on by it",
			Args: oneArgument("configuration file"),
			RunE: func(cmd *cobra.Command, args []string) error { return o.validate(cmd, args[0]) },
		},
		&cobra.Command{
			Use: "defaults", Short: "Print the configuration that holds without a file", Args: noArguments,
			RunE: func(cmd *cobra.Command, _ []string) error { return writeDefaults(cmd.OutOrStdout(), o.Definitions) },
		})
	return cmd
}

// oneArgument wants one argument, and says what it is if there is none.
func oneArgument(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return &usageError{fmt.Errorf("%s takes one argument, the %s", cmd.CommandPath(), what)}
		}
		return nil
	}
}

func listChecks(w io.Writer, definitions []handler.Definition) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, d := range definitions {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", d.Name, cmp.Or(d.DefaultMode, handler.Off), d.Doc.Summary)
	}
	return table.Flush()
}

func (o Options) explain(w io.Writer, name string) error {
	of := slices.IndexFunc(o.Definitions, func(d handler.Definition) bool { return d.Name == name })
	if of < 0 {
		return &usageError{fmt.Errorf("there is no check %q: `%s checks list` prints all", name, o.Name)}
	}
	d := o.Definitions[of]
	section, err := defaultsOf(d)
	if err != nil {
		return err
	}
	before, after := " is denied", d.Doc.Subject()+" is admitted"
	if d.IsMutation() {
		before, after = " is changed", "It becomes"
	}
	var text strings.Builder
	text.WriteString(d.Doc.Summary + "\n")
	for _, part := range []struct{ title, text string }{
		{"", d.Doc.Why},
		{"By default", section},
		{d.Doc.Subject() + before, d.Doc.Denied},
		{"with", d.Doc.Parameters},
		{after, d.Doc.Admitted},
	} {
		switch {
		case part.text == "":
		case part.title == "":
			text.WriteString("\n" + part.text + "\n")
		default:
			text.WriteString("\n" + part.title + ":\n\n" + indent(part.text, "    "))
		}
	}
	_, err = io.WriteString(w, text.String())
	return err
}

// loadOrRead reads a configuration file, or the standard input if that is named -, and says which it was.
func (o Options) loadOrRead(cmd *cobra.Command, file string) (c config.Configuration, name string, err error) {
	if file != "-" {
		c, err = config.Load(file, o.Definitions)
		if errors.As(err, new(*fs.PathError)) {
			err = &usageError{err} // 1 would say that the configuration is not valid.
		}
		return c, file, err
	}
	const input = "standard input"
	data, err := io.ReadAll(cmd.InOrStdin())
	if err != nil {
		return c, input, fmt.Errorf("cannot read the check configuration from %s: %w", input, err)
	}
	if c, err = config.Parse(data, o.Definitions); err != nil {
		err = fmt.Errorf("check configuration on %s is not valid: %w", input, err)
	}
	return c, input, err
}

func (o Options) validate(cmd *cobra.Command, file string) error {
	c, file, err := o.loadOrRead(cmd, file)
	if err != nil {
		return err
	}
	for _, warning := range c.Warnings {
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "Warning: check configuration %s: %s\n", file, warning)
	}
	table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(table, "%s is valid\n", file)
	for _, check := range c.Checks {
		if check.Mode != handler.Off {
			_, _ = fmt.Fprintf(table, "%s\t%s\n", check.Definition.Name, check.Mode)
		}
	}
	return table.Flush()
}

func writeDefaults(w io.Writer, definitions []handler.Definition) error {
	var text strings.Builder
	_, _ = fmt.Fprintf(&text, "apiVersion: %s\nkind: %s\n", config.APIVersion, config.Kind)
	for _, part := range []struct {
		name string
		of   bool
	}{{"checks", false}, {"mutations", true}} {
		title := part.name + ":\n"
		for _, d := range definitions {
			if d.IsMutation() != part.of {
				continue
			}
			section, err := defaultsOf(d)
			if err != nil {
				return err
			}
			text.WriteString(title + indent(section, "  "))
			title = ""
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// defaultsOf is the section of a configuration, in YAML, that says what holds without it.
func defaultsOf(d handler.Definition) (string, error) {
	encoded, err := json.Marshal(d.NewParameters())
	if err != nil {
		return "", fmt.Errorf("encoding the parameters of the check %s: %w", d.Name, err)
	}
	parameters := map[string]any{}
	if err := json.Unmarshal(encoded, &parameters); err != nil {
		return "", fmt.Errorf("encoding the parameters of the check %s: %w", d.Name, err)
	}
	maps.DeleteFunc(parameters, func(_ string, value any) bool { return value == nil })
	parameters["mode"] = cmp.Or(d.DefaultMode, handler.Off)
	section, err := yaml.Marshal(map[string]any{d.Name: parameters})
	if err != nil {
		return "", fmt.Errorf("encoding the parameters of the check %s: %w", d.Name, err)
	}
	return string(section), nil
}

// indent puts a prefix before each line, and ends the last one.
func indent(text, prefix string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimRight(text, "\n") + "\n") {
		b.WriteString(prefix + line)
	}
	return b.String()
}
