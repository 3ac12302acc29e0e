// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package reload

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are named as Prometheus names those of its own configuration.
type metrics struct {
	successful prometheus.Gauge
	since      prometheus.Gauge
	info       *prometheus.GaugeVec
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		successful: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hookstrap_check_config_last_reload_successful",
			Help: "1 if the latest configuration of the checks is in use, 0 if it could not be read or used.",
		}),
		since: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hookstrap_check_config_last_reload_success_timestamp_seconds",
			Help: "When the configuration of the checks that is in use was taken into use, as a Unix time.",
		}),
		info: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "hookstrap_check_config_info",
			Help: "Always 1, with the hash of the checks' configuration in use: replicas that differ have not all read it.",
		}, []string{"hash"}),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.successful, m.since, m.info} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("registering the metrics of the check configuration (one Reloader a registry): %w", err)
		}
	}
	return m, nil
}

// inUse says which configuration is in use. There is never more than one hash.
func (m *metrics) inUse(hash string) {
	m.successful.Set(1)
	m.since.Set(float64(time.Now().Unix()))
	m.info.Reset()
	m.info.WithLabelValues(hash).Set(1)
}

func (m *metrics) failed() { m.successful.Set(0) }
