// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package clean

import "github.com/prometheus/client_golang/prometheus"

// collector reads the metrics from what is known, at each scrape.
type collector struct{ keeper *Keeper }

var _ prometheus.Collector = &collector{}

func (*collector) warning() *prometheus.Desc {
	return prometheus.NewDesc("hookstrap_check_warning_namespaces",
		"Namespaces in which a check in mode denyWhenClean warns; -1 before its first audit, and if there are too many to "+
			"name.", []string{"check"}, nil)
}

func (*collector) audited() *prometheus.Desc {
	return prometheus.NewDesc("hookstrap_check_last_audit_timestamp_seconds",
		"When the last audit for a check in mode denyWhenClean began, by any replica, as a Unix time; 0 before the first.",
		[]string{"check"}, nil)
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- c.warning()
	descriptions <- c.audited()
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(metrics chan<- prometheus.Metric) {
	known := c.keeper.store.load()
	for _, policy := range c.keeper.used() {
		warning, audited := -1.0, 0.0
		if record, ok := known[policy]; ok {
			audited = float64(record.Audited.Unix())
			if !record.Everywhere {
				warning = float64(len(record.NotClean))
			}
		}
		metrics <- prometheus.MustNewConstMetric(c.warning(), prometheus.GaugeValue, warning, policy.Check)
		metrics <- prometheus.MustNewConstMetric(c.audited(), prometheus.GaugeValue, audited, policy.Check)
	}
}
