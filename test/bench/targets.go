// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"text/tabwriter"
)

// target is how much a server may take, at most. Those that compare with another server are ratios within one run,
// which say the same on any machine.
type target struct {
	server      string
	what        string
	size        int // of the reviews, in bytes, as it was asked for
	connections int
	than        string // the server that it is compared with; "" for none
	value       func(m result) float64
	most        float64
}

func targets() []target {
	cpu := func(m result) float64 { return m.CPU }
	p99 := func(m result) float64 { return m.P99.Seconds() }
	p999 := func(m result) float64 { return m.P999.Seconds() }
	allocations := func(m result) float64 { return m.Allocations }
	kilobytes := func(m result) float64 { return m.Bytes / 1024 }
	return []target{
		{"check", "CPU, × floor", 8800, 16, "floor", cpu, 2.0},
		{"check", "CPU, × floor", 50000, 16, "floor", cpu, 2.2},
		{"label", "CPU, × floor", 8800, 16, "floor", cpu, 2.3},
		{"default", "CPU, × floor", 8800, 16, "floor", cpu, 2.5},
		{"default", "CPU, × floor", 50000, 16, "floor", cpu, 2.7},
		{"all", "CPU, × floor", 8800, 16, "floor", cpu, 4.0},
		{"check", "CPU, × stock", 8800, 16, "stock", cpu, 1.0 / 10},
		{"check", "CPU, × stock", 50000, 16, "stock", cpu, 1.0 / 19},
		{"default", "CPU, × stock", 8800, 16, "stock", cpu, 1.0 / 8},
		{"default", "CPU, × stock", 50000, 16, "stock", cpu, 1.0 / 16},
		{"check", "allocations", 8800, 16, "", allocations, 60},
		{"default", "allocations", 8800, 16, "", allocations, 80},
		{"check", "KB allocated", 8800, 16, "", kilobytes, 12},
		{"default", "KB allocated", 8800, 16, "", kilobytes, 12},
		{"default", "p99, × floor", 8800, 1, "floor", p99, 1.3},
		{"default", "p99.9, × floor", 8800, 64, "floor", p999, 2},
	}
}

// printTargets prints what of the targets was measured, and whether it is met. They are no test: a machine that is busy
// with something else meets fewer of them.
func (r results) printTargets() {
	fmt.Print("\nTargets:\n")
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	row(table, "server", "size", "conns", "what", "at most", "measured", "met")
	for _, t := range targets() {
		measured, ok := t.measured(r)
		if !ok {
			continue
		}
		met := "yes"
		if measured > t.most {
			met = "no"
		}
		row(table, t.server, t.size, t.connections, t.what, fmt.Sprintf("%.3g", t.most), fmt.Sprintf("%.3g", measured), met)
	}
	_ = table.Flush()
}

// measured is false for what was left out of the run.
func (t target) measured(r results) (float64, bool) {
	m, ok := r.near(t.server, t.size, t.connections)
	if !ok || t.than == "" {
		return t.value(m), ok
	}
	other, ok := r.near(t.than, t.size, t.connections)
	return t.value(m) / t.value(other), ok
}

// near finds the measurement with reviews of about a size: they are made in steps, and a little larger.
func (r results) near(server string, size, connections int) (result, bool) {
	for _, m := range r.Load {
		if m.Server == server && m.Connections == connections && m.Size >= size && m.Size < size+size/5 {
			return m, true
		}
	}
	return result{}, false
}
