// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build authority

package e2e

import (
	"context"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/internal/trust"
)

// filling is which webhook configurations have the right caBundles in all their entries.
type filling struct {
	has, hasNot []*testCA

	filled map[string]bool
	known  map[string]bool // caBundles, and whether they are right
}

// awaitFilled returns when the caBundles of n webhook configurations have the CAs, and do not have the others, as this
// client's watch has it.
func awaitFilled(t *testing.T, client kubernetes.Interface, n int, has, hasNot []*testCA) time.Time {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	f := &filling{has: has, hasNot: hasNot, known: map[string]bool{}}
	for ctx.Err() == nil {
		// Without a resourceVersion, it begins with all that there is. The API server ends a watch whose client is behind.
		events, err := client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Watch(ctx, metav1.ListOptions{})
		must(t, err)
		f.filled = map[string]bool{}
		for event := range events.ResultChan() {
			if live, ok := event.Object.(*admissionv1.ValidatingWebhookConfiguration); ok {
				f.see(live)
			}
			if len(f.filled) == n {
				events.Stop()
				return time.Now()
			}
		}
	}
	t.Fatalf("%d of %d webhook configurations have the right caBundles", len(f.filled), n)
	return time.Time{}
}

func (f *filling) see(live *admissionv1.ValidatingWebhookConfiguration) {
	right := true
	for i := range live.Webhooks {
		right = right && f.isRight(live.Webhooks[i].ClientConfig.CABundle)
	}
	if delete(f.filled, live.Name); right {
		f.filled[live.Name] = true
	}
}

func (f *filling) isRight(text []byte) bool {
	right, seen := f.known[string(text)]
	if !seen {
		right = carries(text, f.has, f.hasNot)
		f.known[string(text)] = right
	}
	return right
}

func carries(text []byte, has, hasNot []*testCA) bool {
	bundle, err := trust.ParseBundle(text)
	if err != nil {
		return false
	}
	for _, ca := range has {
		if !bundle.Contains(ca.certificate) {
			return false
		}
	}
	for _, ca := range hasNot {
		if bundle.Contains(ca.certificate) {
			return false
		}
	}
	return true
}
