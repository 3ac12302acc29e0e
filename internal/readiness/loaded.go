// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package readiness

import (
	"crypto/x509"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hookstrap/hookstrap/internal/fault"
	"github.com/hookstrap/hookstrap/internal/serving"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// A server that reads files again may do so by a timer, so that it has loadWithin to load a new certificate. It is
// looked at every lookEvery.
const (
	loadWithin = 30 * time.Second
	lookEvery  = 5 * time.Second
)

// sidecar is what is known of the certificate that the other container presents. The zero value knows nothing.
type sidecar struct {
	// outdated is why it is not the stored one, nil while it is.
	outdated atomic.Pointer[error]
	// pair is the one that was stored when the listener was last asked, since is when the listener was first seen to
	// present another one, and told whether that was said. They belong to FollowSidecar.
	pair  *serving.Pair
	since time.Time
	told  bool
}

// note says why the other container's certificate is not the stored one: the old certificate is good for a while.
func (s *sidecar) note() string {
	if reason := s.outdated.Load(); reason != nil {
		return (*reason).Error()
	}
	return ""
}

// notLoaded says that a listener presents another certificate than the pair that is stored in directory; nil if it
// presents that.
func notLoaded(presented []*x509.Certificate, stored *serving.Pair, directory string) error {
	if len(presented) > 0 && presented[0].Equal(stored.Leaf()) {
		return nil
	}
	var now *x509.Certificate
	if len(presented) > 0 {
		now = presented[0]
	}
	return &fault.Error{ID: fault.OlderThanStored, Err: fmt.Errorf("the other container has not loaded the new "+
		"certificate: have it read the files in %s again when "+
		"they change, or restart it; it presents %s, and stored is %s", directory, trust.DescribeCertificate(now),
		trust.DescribeCertificate(stored.Leaf()))}
}
