// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package listener

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"k8s.io/klog/v2"
)

// lastRequests bounds the wait for requests in flight after ctx has ended.
const lastRequests = time.Minute

// Serve answers requests on l until ctx ends, then finishes those that it is at within a minute, and returns nil. It is
// what controller-runtime's webhook server does with the listener that it makes: same timeouts, same limits, and the
// context of each request is derived from ctx. Wrap l in [crypto/tls.NewListener]. Serve closes l.
func Serve(ctx context.Context, l net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler:           handler,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		MaxHeaderBytes:    1 << 20,
		IdleTimeout:       90 * time.Second,
		ReadHeaderTimeout: 32 * time.Second,
	}
	idle := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(idle)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastRequests)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			klog.FromContext(ctx).Error(err, "Leaving requests unanswered", "address", l.Addr())
		}
	})
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		stop()
		return fmt.Errorf("serving on %s: %w", l.Addr(), err)
	}
	<-idle
	return nil
}
