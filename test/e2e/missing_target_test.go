// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// shifted is a clock that can be set ahead.
type shifted struct {
	clock.RealClock
	ahead atomic.Int64
}

func (s *shifted) Now() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }

// TestMissingTargetHoldsUpNoReplica: a server that starts while an object of its configuration does not exist waits for
// it for two minutes, if the API server calls it through another one. Once the object is created, it counts.
func TestMissingTargetHoldsUpNoReplica(t *testing.T) {
	t.Parallel()
	n, other := newInjection(t, trust.Validating), newInjection(t, trust.Validating)
	other.service = n.service
	n.create(t)
	ahead := &shifted{}
	injector := n.start(t, shared.Config(), func(o *trust.InjectorOptions) {
		o.Targets, o.Clock = append(o.Targets, other.target), ahead
	})
	injector.Publish(trust.Policy{Bundle: n.bundle(), Exact: true})
	missing := func(context.Context) error {
		err := injector.Verify(n.chain, n.serverName(), time.Now())
		if err == nil || !strings.Contains(err.Error(), "does not exist yet") {
			return fmt.Errorf("Verify says %w, want that an object does not exist yet", err)
		}
		return nil
	}
	n.awaitWrites(t, 1)
	clustertest.Eventually(t, missing)
	ahead.ahead.Store(int64(2 * time.Minute))
	n.await(t, injector)
	must(t, injector.Callable())
	if reason := injector.Waived()[other.target]; !strings.Contains(reason, "does not exist") {
		t.Errorf("%s is waived because %q", other.target, reason)
	}
	other.create(t)
	n.awaitWrites(t, 2)
	n.await(t, injector)
	if waived := injector.Waived(); len(waived) > 0 {
		t.Errorf("the object exists, and still waived are %v", waived)
	}
}
