// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
	"github.com/spf13/cobra"
)

func newVersionCommand(o Options) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), o.versionLine())
			return err
		},
	}
}

// versionLine is what the command version prints, and --version.
func (o Options) versionLine() string {
	return fmt.Sprintf("%s %s %s %s/%s", o.Name, o.buildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// buildVersion is what the linker was told, else what the Go toolchain recorded of the module.
func (o Options) buildVersion() string {
	if o.Version != "" {
		return o.Version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// BuildInfo is the metric hookstrap_build_info, which says what is running. The version is that of the program.
func BuildInfo(version string) prometheus.Collector {
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "hookstrap_build_info",
		Help: "Always 1, with the version of the program, the revision it was built from, if known, and Go's version.",
	}, []string{"version", "revision", "goversion"})
	info.WithLabelValues(version, revision(), runtime.Version()).Set(1)
	return info
}

// revision is what the Go toolchain recorded of the repository, "" if nothing.
func revision() string {
	info, _ := debug.ReadBuildInfo()
	if info == nil {
		return ""
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			return setting.Value
		}
	}
	return ""
}

// registry is where metrics go, and are read.
type registry interface {
	prometheus.Registerer
	prometheus.Gatherer
}

// registerProcess registers the metrics that every process has: the Go runtime's, the operating system's (go_*,
// process_*) and the build's. Those that are there stay: in a program with controllers, controller-runtime registers
// its own selection of the Go runtime's.
func registerProcess(r registry, version string) error {
	for name, c := range map[string]prometheus.Collector{
		"go_goroutines":              collectors.NewGoCollector(),
		"process_start_time_seconds": collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		"hookstrap_build_info":       BuildInfo(version),
	} {
		if err := r.Register(c); err != nil && !has(r, name) {
			return fmt.Errorf("registering the metrics of the process: %w", err)
		}
	}
	return nil
}

// has tells whether a metric is gathered already.
func has(r prometheus.Gatherer, name string) bool {
	families, _ := r.Gather() // What could be gathered is enough.
	return slices.ContainsFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == name })
}
