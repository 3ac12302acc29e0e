// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// In earlier releases issue --once was the command for certificates without a Service as well, chosen by any flag that
// request has now and issue has not. Such a command line still works; the log says how to write it.

// withRequest makes request the command of a command line for an earlier release.
func withRequest(root *cobra.Command, args []string) []string {
	if args[0] != "issue" || !given(args, "once") {
		return args
	}
	flags := func(command string) *pflag.FlagSet {
		found, _, _ := root.Find([]string{command}) // Both are there.
		return found.Flags()
	}
	issue, asked := flags("issue"), false
	flags("request").VisitAll(func(flag *pflag.Flag) {
		asked = asked || issue.Lookup(flag.Name) == nil && given(args, flag.Name)
	})
	if !asked {
		return args
	}
	return append([]string{"request"}, args[1:]...)
}

// given tells whether a flag is among the arguments, with a value or without.
func given(args []string, flag string) bool {
	return slices.ContainsFunc(args, func(arg string) bool {
		name, _, _ := strings.Cut(arg, "=")
		return name == "--"+flag
	})
}

// addOldFlags are those of issue that mean nothing to request, and were allowed.
func (o *requestOptions) addOldFlags(fs *pflag.FlagSet) {
	fs.BoolVar(&o.once, "once", false, "")
	fs.Bool("shared-configurations", false, "")
	fs.String("health-probe-bind-address", "", "")
	fs.String("metrics-bind-address", "", "")
	for _, name := range []string{"once", "shared-configurations", "health-probe-bind-address", "metrics-bind-address"} {
		fs.Lookup(name).Hidden = true
	}
}
