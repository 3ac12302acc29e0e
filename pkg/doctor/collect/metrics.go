// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/hookstrap/hookstrap/pkg/doctor"
)

// measured is what an API server has counted since its start.
type measured struct {
	counts  map[doctor.Counted]doctor.Count
	started string // tells API servers apart
}

// metrics reads those of the API server that answers.
func (p probing) metrics(ctx context.Context) (measured, error) {
	body, err := p.client.CoreV1().RESTClient().Get().AbsPath("/metrics").SetHeader("Accept", "text/plain").Stream(ctx)
	if err != nil {
		return measured{}, err
	}
	defer body.Close() //nolint:errcheck // It was read.
	return parseMetrics(body)
}

// parseMetrics reads the few lines that are about webhooks, of megabytes
// (https://prometheus.io/docs/instrumenting/exposition_formats/).
func parseMetrics(r io.Reader) (measured, error) {
	const webhook = "apiserver_admission_webhook_"
	m := measured{counts: map[doctor.Counted]doctor.Count{}}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		text := lines.Text()
		if value, ok := strings.CutPrefix(text, "process_start_time_seconds "); ok {
			m.started = value
		}
		if of, ok := strings.CutPrefix(text, webhook); ok {
			m.line(of)
		}
	}
	if err := lines.Err(); err != nil {
		return measured{}, fmt.Errorf("reading the API server's metrics: %w", err)
	}
	return m, nil
}

// line adds one number.
func (m measured) line(text string) {
	name, rest, ok := strings.Cut(text, "{")
	end := strings.LastIndexByte(rest, '}')
	if !ok || end < 0 {
		return
	}
	fields := strings.Fields(rest[end+1:])
	if len(fields) == 0 {
		return
	}
	value, err := strconv.ParseFloat(fields[0], 64)
	if err != nil {
		return
	}
	labels := map[string]string{}
	for _, l := range regexp.MustCompile(`(\w+)="([^"]*)"`).FindAllStringSubmatch(rest[:end], -1) {
		labels[l[1]] = l[2]
	}
	key := doctor.Counted{Mutating: labels["type"] == "admit", Webhook: labels["name"]}
	c := m.counts[key]
	switch {
	case name == "admission_duration_seconds_sum":
		c.Seconds += value
	case name == "admission_duration_seconds_count":
		c.Calls += int64(value)
	case name == "fail_open_count":
		c.FailedOpen += int64(value)
	case name == "rejection_count" && labels["error_type"] == "no_error":
		c.Refused += int64(value)
	case name == "rejection_count":
		c.Failed += int64(value)
	default:
		return
	}
	m.counts[key] = c
}
