// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package csr

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	certificatesclient "k8s.io/client-go/kubernetes/typed/certificates/v1"

	"github.com/hookstrap/hookstrap/internal/signer"
)

// silent is an API server that never answers.
type silent struct {
	certificatesclient.CertificateSigningRequestInterface
}

func (silent) Create(
	ctx context.Context, _ *certificatesv1.CertificateSigningRequest, _ metav1.CreateOptions,
) (*certificatesv1.CertificateSigningRequest, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestTimeoutOfTheCallerIsSaid: the time is that which has passed, no matter who has bounded it.
func TestTimeoutOfTheCallerIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := (&Requester{Client: silent{}}).Obtain(ctx, testSpec(t, signer.BuiltIn))
		if outcome, _ := OutcomeOf(err); outcome != TimedOut || !strings.Contains(err.Error(), "within 5s") {
			t.Errorf("%v, want the 5 s that were waited", err)
		}
	})
}

// TestEndedWaitSaysWhyAndWhatIsLeft: callers still see that the context was canceled.
func TestEndedWaitSaysWhyAndWhatIsLeft(t *testing.T) {
	w := &Attempt{requester: &Requester{}, requested: mustRequest(t, testSpec(t, signer.BuiltIn)).object}
	for name, tc := range map[string]struct {
		cause error
		want  string
	}{
		"signal":   {errors.New("received signal \"terminated\""), "ended by received signal \"terminated\""},
		"no cause": {nil, "ended by context canceled"},
		"its own":  {net.ErrClosed, net.ErrClosed.Error()},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		child, stop := context.WithCancel(ctx)
		cancel(tc.cause)
		err := w.ended(child)
		stop()
		for _, part := range []string{tc.want, "kubectl delete csr " + w.requested.Name} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q does not say %q", name, err, part)
			}
		}
		if !errors.Is(err, context.Canceled) || tc.cause != nil && !errors.Is(err, tc.cause) {
			t.Errorf("%s: %v hides what ended it", name, err)
		}
	}
}
