// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package listener

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"time"

	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/timing"
)

// DefaultReleaseAfter is how long a holder waits for a server to come back. A container is restarted within a second or
// two; one that is in a back-off takes ten seconds and more, which is as long as the API server waits for an answer.
const DefaultReleaseAfter = 5 * time.Second

// greeting is how long a peer may take to say what it wants.
const greeting = 2 * time.Second

// HolderOptions configure a [Holder].
type HolderOptions struct {
	// Socket is the path of the Unix socket to serve. Only processes of the same user can use it. What a holder that
	// was killed has left there is replaced.
	Socket string
	// Address is what servers listen on, a "host:port" such as "0.0.0.0:9443". It is bound when the first server asks.
	Address string
	// ReleaseAfter is how long the port stays open without a server: connections wait during that time, and are then
	// closed together with the port, until a server asks again. Zero closes it at once.
	ReleaseAfter time.Duration
}

// Holder keeps a listening socket open while servers come and go. It never accepts a connection, and sees nothing of
// what is said on one. Make it with [Hold]; Run is called once.
type Holder struct {
	options  HolderOptions
	listener *net.UnixListener

	mu      sync.Mutex
	held    socket
	servers int
	ending  bool
	idle    time.Time // since when a server is waited for, if there is none
	release *time.Timer

	refusals timing.Rarely
}

// Hold opens the Unix socket, and returns a holder that holds nothing yet. Call [Holder.Run] next, which closes it.
func Hold(ctx context.Context, options HolderOptions) (*Holder, error) {
	listener, err := listenUnix(ctx, options.Socket)
	if err != nil {
		return nil, err
	}
	return &Holder{options: options, listener: listener, held: none()}, nil
}

// Run serves the Unix socket until ctx ends. From then on the server alone has the listening socket: it may go on
// draining, and when it closes the port, the port is closed. Run returns when that server has gone, for a container
// that ends earlier would make the pod not ready. An error means that the Unix socket cannot be served any more.
func (h *Holder) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		h.end()
		_ = h.listener.Close() // It removes the file, or there is none.
	})
	defer stop()
	defer h.end()
	klog.FromContext(ctx).Info("Waiting for a server", "socket", h.options.Socket, "address", h.options.Address,
		"releaseAfter", h.options.ReleaseAfter)
	var peers sync.WaitGroup
	for {
		conn, err := h.listener.AcceptUnix()
		if ctx.Err() != nil {
			peers.Wait()
			return nil
		}
		if err != nil {
			return fmt.Errorf("serving %s: %w", h.options.Socket, err)
		}
		peers.Go(func() { h.attend(ctx, conn) })
	}
}

// attend keeps a peer company for as long as it lives.
func (h *Holder) attend(ctx context.Context, conn *net.UnixConn) {
	defer conn.Close() //nolint:errcheck // Nothing is left to be said.
	logger := klog.FromContext(ctx)
	h.join()
	if err := h.greet(ctx, conn); err != nil {
		defer h.leave(logger, false)
		if ok, unlogged := h.refusals.Pass(time.Now()); ok {
			logger.Error(err, "Refused a peer", "socket", h.options.Socket, "unlogged", unlogged)
		}
		_ = send(conn, refused+err.Error(), none()) // It may have gone.
		return
	}
	_ = conn.SetDeadline(time.Time{}) // Without it the next read fails, which is an end as well.
	awaitEnd(context.WithoutCancel(ctx), conn)
	logger.Info("The server has gone")
	h.leave(logger, true)
}

// greet does what the peer wants.
func (h *Holder) greet(ctx context.Context, conn *net.UnixConn) error {
	if err := conn.SetDeadline(time.Now().Add(greeting)); err != nil {
		return fmt.Errorf("greeting a peer: %w", err)
	}
	text, s, err := receive(conn)
	switch {
	case err != nil:
		return err
	case text == want && s == none():
		return h.give(ctx, conn)
	case text == offer && s != none():
		return h.adopt(ctx, conn, s)
	}
	s.closeUnlessNone()
	return fmt.Errorf("a peer says %q, which makes no sense", text)
}

// give passes the listener to a server, after having bound it if need be.
func (h *Holder) give(ctx context.Context, conn *net.UnixConn) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ending {
		return errors.New("the holder is shutting down")
	}
	known := h.held != none()
	if !known {
		s, err := bind(ctx, h.options.Address)
		if err != nil {
			return err
		}
		h.hold(s)
	}
	klog.FromContext(ctx).Info("Passing the listener to a server", "address", h.options.Address, "wasHeld", known)
	return send(conn, done, h.held)
}

// adopt takes the listener of a server. It replaces what was held, for no process will ever accept on that.
func (h *Holder) adopt(ctx context.Context, conn *net.UnixConn, s socket) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	err := s.check(h.options.Address)
	if h.ending {
		err = errors.New("the holder is shutting down")
	}
	if err != nil {
		s.close()
		return err
	}
	h.hold(s)
	klog.FromContext(ctx).Info("Adopted the listener of a server", "address", h.options.Address)
	return send(conn, done, none())
}

// hold has s in place of what was held. The wait for the next server begins now, for the one that brought s may have
// been killed before it hears the answer. The caller holds the lock.
func (h *Holder) hold(s socket) {
	h.drop()
	h.held, h.idle = s, time.Now()
}

// join counts a peer, so that nothing is released during that time.
func (h *Holder) join() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.servers++
	if h.release != nil {
		h.release.Stop()
	}
}

// leave uncounts it, and starts the wait for the next one, or goes on with it if the peer was none.
func (h *Holder) leave(logger klog.Logger, served bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.servers--
	if served {
		h.idle = time.Now()
	}
	if h.servers > 0 || h.held == none() {
		return
	}
	h.release = time.AfterFunc(h.options.ReleaseAfter-time.Since(h.idle), func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.servers > 0 || h.held == none() {
			return
		}
		logger.Info("Letting go of the listener: no server came back", "address", h.options.Address,
			"releaseAfter", h.options.ReleaseAfter)
		h.drop()
	})
}

// end lets go for good.
func (h *Holder) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ending = true
	h.drop()
}

func (h *Holder) drop() {
	h.held.closeUnlessNone()
	h.held = none()
}

// listenUnix serves a path, where there may be what a predecessor has left.
func listenUnix(ctx context.Context, path string) (*net.UnixListener, error) {
	var dialer net.Dialer
	if conn, err := dialer.DialContext(ctx, "unix", path); err == nil {
		_ = conn.Close() // It was only to see whether somebody is there.
		return nil, fmt.Errorf("serving %s: another process serves it: end that one or choose another path", path)
	}
	if info, err := os.Lstat(path); err == nil {
		if info.Mode().Type() != fs.ModeSocket {
			return nil, fmt.Errorf("serving %s: what is there is no socket: remove it or choose another path", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("removing the socket that a predecessor has left: %w", err)
		}
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("serving %s: %w: choose a path in a directory that can be written to", path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = listener.Close() // Why it is of no use matters more.
		return nil, fmt.Errorf("keeping %s to this user: %w", path, err)
	}
	return listener, nil
}
