// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node

package node

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// The comparison is what the most used library needs on such a node, with the key in a Secret volume.
const comparison = "for comparison, OPA cert-controller 0.16: first answer after 2.9 s with one replica; " +
	"three replicas all Ready after 104 s (medians)"

// The explanation says whose time it is.
const explanation = "Ours is up to ready. The kubelet asks about readiness once a second, and sometimes when it sees the " +
	"container run as well;\nkube-proxy changes its rules once in a second at most, so that an endpoint which is listed and " +
	"gets ready a moment\nlater waits for that second.\n"

// startRounds is how often each kind of start is measured: once is enough to see the order of things. START_ROUNDS=3 is
// for numbers to publish.
func startRounds(t *testing.T) int {
	t.Helper()
	rounds, err := strconv.Atoi(cmp.Or(os.Getenv("START_ROUNDS"), "1"))
	must(t, err)
	return rounds
}

// TestStartUp measures the start as users see it: cold, which is without a CA and with an empty caBundle, and warm. A
// machine's speed is no matter for a test: what has to be true is the order of things. The numbers are printed.
func TestStartUp(t *testing.T) {
	rounds := startRounds(t)
	install(t)
	patchDeployment(t, `{"spec": {"template": {"spec": {"containers": [{"name": "webhook", "args": ["serve",
		"--webhook-configuration=hookstrap", "--cert-dir=/run/hookstrap/serving", "--config=/etc/hookstrap/checks.yaml",
		"--shutdown-delay=10s", "--listener-socket=/run/listener/socket", "--logging-format=json"]}]}}}}`)
	var columns []string
	measured := map[string][]startup{}
	for _, replicas := range []int{1, 3} {
		for _, cold := range []bool{true, false} {
			column := fmt.Sprintf("%d %s", replicas, map[bool]string{true: "cold", false: "warm"}[cold])
			columns = append(columns, column)
			for range rounds {
				t.Run(column, func(t *testing.T) {
					measured[column] = append(measured[column], measureStart(t, replicas, cold))
				})
			}
		}
	}
	t.Logf("start-up, medians of %d, of the slowest replica\n%s%s", rounds, table(columns, measured), explanation+comparison)
	install(t)
	awaitRolledOut(t, 2)
}

// table has a column for each kind of start, and a row for each thing that is waited for.
func table(columns []string, measured map[string][]startup) string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "replicas\t"+strings.Join(columns, "\t")+"\t")
	for _, row := range rows(measured) {
		fmt.Fprint(w, row+"\t")
		for _, column := range columns {
			fmt.Fprint(w, cell(measured[column], row)+"\t")
		}
		fmt.Fprintln(w)
	}
	_ = w.Flush() // A strings.Builder takes everything.
	return text.String()
}

// rows are all that occur, in the order in which the longest start has them.
func rows(measured map[string][]startup) []string {
	var longest startup
	for _, starts := range measured {
		for _, s := range starts {
			if len(s.rows) > len(longest.rows) {
				longest = s
			}
		}
	}
	return longest.rows
}

func cell(starts []startup, row string) string {
	var values []time.Duration
	for _, s := range starts {
		if value, found := s.took[row]; found {
			values = append(values, value)
		}
	}
	if len(values) == 0 {
		return "-"
	}
	slices.Sort(values)
	return values[len(values)/2].Round(time.Millisecond).String()
}
