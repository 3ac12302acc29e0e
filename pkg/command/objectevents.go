// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"github.com/hookstrap/hookstrap/internal/logcap"
	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/tokenfile"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// noticed is what writes events about what checks deny and find, or nil if that is not asked for.
func noticed(ctx context.Context, o *serveOptions) (func(handler.Noticed), error) {
	if !o.objectEvents {
		return nil, nil //nolint:nilnil // None is asked for.
	}
	if o.bootstrap.RESTConfig == nil {
		return nil, &usageError{errors.New("--object-events: no API server is known: give --kubeconfig")}
	}
	cfg := rest.CopyConfig(o.bootstrap.RESTConfig)
	cfg.QPS, cfg.Burst = rest.DefaultQPS, rest.DefaultBurst
	tokenfile.Reread(cfg)
	client, err := typedcorev1.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("making a client for events: %w", err)
	}
	events := report.NewObjectEvents(logcap.NewContext(ctx), client.Events(corev1.NamespaceAll), o.bootstrap.PodName)
	return func(n handler.Noticed) {
		if n.Denied {
			events.Denied(n.Regarding, n.Message)
			return
		}
		events.Found(n.Regarding, n.Message)
	}, nil
}
