// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"text/tabwriter"
	"time"
)

// results are all measurements of a run.
type results struct {
	Load     []result `json:"load"`
	Rotation []result `json:"rotation"`
}

// printLoad prints a table, with the requests for each second as a multiple of what the stock server does.
func (r results) printLoad() {
	fmt.Printf("One server core; Go %s on %s/%s.\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "size\tconns\tserver\treq/s\t× stock\tCPU µs\tallocs\tKB alloc\tp50\tp99\tp99.9\tRSS MB\tpeak MB\t")
	for _, m := range r.Load {
		ratio := "–"
		if stock, ok := r.find("stock", m.Size, m.Connections); ok {
			ratio = fmt.Sprintf("%.1f", m.PerSecond/stock.PerSecond)
		}
		fmt.Fprintf(table, "%d\t%d\t%s\t%.0f\t%s\t%.0f\t%.0f\t%.0f\t%s\t%s\t%s\t%d\t%d\t\n", m.Size, m.Connections, m.Server,
			m.PerSecond, ratio, m.CPU, m.Allocations, m.Bytes/1024, short(m.P50), short(m.P99), short(m.P999), m.RSS>>10, m.Peak>>10)
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
	fmt.Println("\nThe certificate, in 16 connections of 200 reviews each, as it is and replaced ten times a second:")
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "certificate\treq/s\tp50\tp99\tp99.9\t")
	for _, m := range r.Rotation {
		fmt.Fprintf(table, "%s\t%.0f\t%s\t%s\t%s\t\n", m.Server, m.PerSecond, short(m.P50), short(m.P99), short(m.P999))
	}
	_ = table.Flush()
}

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
