// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// rival is a controller that has an old caBundle in its repository and restores it as soon as it sees another.
const rival = "rival-controller"

func strike(t *testing.T, s *site.Site) {
	t.Helper()
	old := base64.StdEncoding.EncodeToString([]byte("what the rival has in its repository"))
	patch := fmt.Sprintf(`{"webhooks":[{"name":%q,"clientConfig":{"caBundle":%q}}]}`,
		s.Shipped.Configuration.Webhooks[0].Name, old)
	_, err := s.Admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Patch(t.Context(), s.Configuration,
		types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: rival})
	must(t, err)
}

// lookUntilRepaired looks again and again until the caBundle is a certificate, and returns how often it was not yet.
func lookUntilRepaired(t *testing.T, s *site.Site) int {
	t.Helper()
	looks := 0
	clustertest.Eventually(t, func(ctx context.Context) error {
		for ctx.Err() == nil {
			live, err := s.LiveConfiguration(ctx)
			if err != nil {
				return err
			}
			if strings.Contains(string(live.Webhooks[0].ClientConfig.CABundle), "BEGIN CERTIFICATE") {
				return nil
			}
			looks++
		}
		return ctx.Err()
	})
	return looks
}

// TestFightIsNoHotLoop: the rival strikes as soon as it sees a repair. The first repairs are made at once, the others are
// held back more and more; how much is measured in looks at the object, of which the first ones give the unit. The
// counter has the rival's name, one event tells of the fight, and when the rival gives up, the caBundle is right.
func TestFightIsNoHotLoop(t *testing.T) {
	t.Parallel()
	const free, held = 4, 3
	s := site.New(t, shared, site.Options{})
	server := s.Start(t, withEvents(t, s))
	server.AwaitReady(t)
	atOnce, heldBack := 0, 0
	for round := range free + held {
		strike(t, s)
		if looks := lookUntilRepaired(t, s); round < free {
			atOnce += looks + 1
		} else {
			heldBack += looks + 1
		}
	}
	t.Logf("the first %d repairs took %d looks, the next %d took %d", free, atOnce, held, heldBack)
	if heldBack < 5*atOnce {
		t.Errorf("the first %d repairs took %d looks, the next %d only %d: the fight is not slowed down", free, atOnce, held, heldBack)
	}
	wantHeals(t, s, server, free+held)
	wantOneFight(t, s)
	wantAdmission(t, s)
}

func wantHeals(t *testing.T, s *site.Site, server *site.Server, want float64) {
	t.Helper()
	clustertest.Eventually(t, func(context.Context) error { // The repair is seen a moment before it is counted.
		got := server.Value(t, "hookstrap_cabundle_heals_total", "validating", rival, s.Configuration)
		if got != want {
			return fmt.Errorf("%g repairs of what %s spoiled, want %g", got, rival, want)
		}
		return nil
	})
	if failures := server.Failures(t); failures > 0 {
		t.Errorf("%g failures were counted: a fight is none", failures)
	}
}

func wantOneFight(t *testing.T, s *site.Site) {
	t.Helper()
	event := awaitEvent(t, s, "CABundleFoughtOver", corev1.EventTypeWarning)
	for _, want := range []string{rival, s.Configuration} {
		if !strings.Contains(event.Message, want) {
			t.Errorf("the event does not name %s: %s", want, event.Message)
		}
	}
	if event.Count != 1 {
		t.Errorf("the fight was told of %d times, want once", event.Count)
	}
}
