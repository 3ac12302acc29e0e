// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"text/tabwriter"
	"time"
)

// results are all measurements of a run.
type results struct {
	Load     []result   `json:"load"`
	Rotation []rotation `json:"rotation"`
}

// printLoad prints a table, with multiples of what the stock server does: of the requests for each second as they were
// counted, and of those that a core has time for by the CPU that one takes, which says more on a busy machine.
func (r results) printLoad() {
	fmt.Printf("One server core; Go %s on %s/%s.\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	row(table, "size", "conns", "server", "req/s", "× stock", "CPU µs", "req/s/core", "× stock", "allocs", "KB alloc",
		"p50", "p99", "p99.9", "RSS MB", "peak MB")
	for _, m := range r.Load {
		ratio, perCore := "–", "–"
		if stock, ok := r.find("stock", m.Size, m.Connections); ok {
			ratio, perCore = fmt.Sprintf("%.1f", m.PerSecond/stock.PerSecond), fmt.Sprintf("%.1f", stock.CPU/m.CPU)
		}
		row(table, m.Size, m.Connections, m.Server, whole(m.PerSecond), ratio, whole(m.CPU), whole(1e6/m.CPU), perCore,
			whole(m.Allocations), whole(m.Bytes/1024), short(m.P50), short(m.P99), short(m.P999), m.RSS>>10, m.Peak>>10)
	}
	_ = table.Flush()
}

func (r results) find(server string, size, connections int) (result, bool) {
	for _, m := range r.Load {
		if m.Server == server && m.Size == size && m.Connections == connections {
			return m, true
		}
	}
	return result{}, false
}

func (r results) printRotation() {
	fmt.Printf("\nThe certificate as it is and replaced every %s, in %d turns each; 16 connections, made again after %d "+
		"reviews.\nA p99 that the turns of the other kind have as well is the machine's:\n",
		rotationPeriod, rotationTurns, perConnection)
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	row(table, "certificate", "rotations", "requests", "req/s", "p50", "p99", "p99 of the turns", "p99.9")
	for _, m := range r.Rotation {
		row(table, m.Server, m.Rotations, m.Requests, whole(m.PerSecond), short(m.P50), short(m.P99),
			short(m.Lowest)+" to "+short(m.Highest), short(m.P999))
	}
	_ = table.Flush()
}

func row(table io.Writer, cells ...any) {
	for _, cell := range cells {
		_, _ = fmt.Fprint(table, cell, "\t")
	}
	_, _ = fmt.Fprintln(table)
}

func whole(n float64) string { return strconv.FormatFloat(n, 'f', 0, 64) }

func short(d time.Duration) string { return d.Round(10 * time.Microsecond).String() }

func (r results) save(file string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return err
	}
	if err := os.WriteFile(file, append(data, '\n'), 0o600); err != nil {
		return err
	}
	fmt.Println("\nWritten to", file)
	return nil
}
