// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node

package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// awaitProxied waits until kube-proxy leads to all of our pods: it hears of those that are Ready a little later.
func awaitProxied(t *testing.T) {
	t.Helper()
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		living, err := pods(ctx, client(t))
		if err != nil {
			return err
		}
		rules, err := shared.Command(ctx, "iptables-save", "--table=nat").Output()
		if err != nil {
			return fmt.Errorf("reading the rules of kube-proxy: %w", err)
		}
		if len(living) == 0 {
			return errors.New("there are no pods")
		}
		for _, pod := range living {
			if !strings.Contains(string(rules), net.JoinHostPort(pod.Status.PodIP, "9443")) {
				return fmt.Errorf("kube-proxy does not lead to pod %s yet", pod.Name)
			}
		}
		return nil
	})
}
