// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package listener

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/timing"
)

const (
	// DefaultPatience is how long a server waits for an answer of the holder.
	DefaultPatience = time.Second
	// freePort is how long it tries when it gets the port neither from the holder nor from the kernel: a holder that was
	// too slow may have bound it.
	freePort = 10 * time.Second
	askEvery = 20 * time.Millisecond
	// reconnectEvery is how often one that serves does: as long as there is none, a kill costs connections.
	reconnectEvery = 100 * time.Millisecond
	// refusedAgain is how often at the least, if a holder is there and refuses: waiting alone does not change that.
	refusedAgain = 10 * time.Second
	// missedAfter is when it says so; the holder may just be about to start.
	missedAfter = 2 * time.Second
)

// Options configure [Acquire].
type Options struct {
	// Socket is the path of the holder's Unix socket. It need not exist.
	Socket string
	// Address is what to listen on, a "host:port" such as "0.0.0.0:9443"; the holder has the same.
	Address string
	// Patience is how long the holder may take to answer; zero is [DefaultPatience].
	Patience time.Duration
}

// Listener is a listening socket that a [Holder] has as well. It is a [net.Listener]; all methods may be called
// concurrently. Closing it tells the holder that this server accepts no more.
type Listener struct {
	*net.TCPListener

	options Options

	mu     sync.Mutex
	conn   *net.UnixConn // to the holder, nil if there is none
	closed bool
}

var _ net.Listener = &Listener{}

// Acquire gets the listening socket from the holder or, if there is none that answers, binds it: containers start one
// after the other, and neither need wait for the other. It fails if the address cannot be bound or, after ten seconds,
// if it is in use by somebody who does not share it. Call [Listener.Share] next.
func Acquire(ctx context.Context, options Options) (*Listener, error) {
	options.Patience = cmp.Or(options.Patience, DefaultPatience)
	l := &Listener{options: options}
	began := time.Now()
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		err := l.ask(ctx)
		if err == nil {
			klog.FromContext(ctx).Info("Got the listener from its holder", "socket", options.Socket, "address", l.Addr())
			return l, nil
		}
		err = l.bindWithout(ctx, err)
		if err == nil {
			return l, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) || time.Since(began) >= freePort {
			return nil, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for a listener: %w", context.Cause(ctx))
		}
	}
}

// ask wants the listener from the holder.
func (l *Listener) ask(ctx context.Context) error {
	conn, s, err := l.converse(ctx, want, none())
	if err != nil {
		return err
	}
	if err := s.check(l.options.Address); err != nil {
		s.closeUnlessNone()
		_ = conn.Close() // Why it is of no use matters more.
		return err
	}
	if l.TCPListener, err = s.listener(); err != nil {
		_ = conn.Close() // The same.
		return err
	}
	l.keep(conn)
	return nil
}

// bindWithout does without the holder, for a reason.
func (l *Listener) bindWithout(ctx context.Context, reason error) error {
	listener, err := bindListener(ctx, l.options.Address)
	if err != nil {
		return fmt.Errorf("%w (and no holder has passed it: %w)", err, reason)
	}
	l.TCPListener = listener
	klog.FromContext(ctx).Info("Bound the port, for no holder has passed it", "socket", l.options.Socket,
		"address", l.Addr(), "reason", reason)
	return nil
}

// Share stays in touch with the holder until ctx ends or the listener is closed: when the holder was restarted, or was
// late, it gets the listening socket. Nothing that goes wrong there disturbs serving.
func (l *Listener) Share(ctx context.Context) {
	alone, silent, refusals := time.Now(), false, 0
	for ctx.Err() == nil {
		conn, closed := l.holder()
		if conn != nil {
			awaitEnd(ctx, conn)
			if ctx.Err() == nil { // Or else the connection ends with the listener.
				l.keep(nil)
			}
			alone, silent, refusals = time.Now(), false, 0
			continue
		}
		if closed {
			return
		}
		err := l.offer(ctx)
		if err == nil {
			continue
		}
		if time.Since(alone) >= missedAfter && !silent {
			klog.FromContext(ctx).Info("No process holds the listener, so that connections will be refused if this server is "+
				"restarted: looking for a holder again and again", "socket", l.options.Socket, "reason", err)
			silent = true
		}
		wait := reconnectEvery
		if no := refusal(""); errors.As(err, &no) {
			refusals++
			wait = timing.Delay(reconnectEvery, refusedAgain, refusals)
		}
		_ = timing.Sleep(ctx, wait) // Its end is that of the loop.
	}
}

// offer gives the listener to a holder.
func (l *Listener) offer(ctx context.Context) error {
	s, err := copyOf(l.TCPListener)
	if err != nil {
		return err
	}
	defer s.close() // What is passed is another copy.
	conn, answer, err := l.converse(ctx, offer, s)
	if err != nil {
		return err
	}
	answer.closeUnlessNone()
	l.keep(conn)
	klog.FromContext(ctx).Info("Gave the listener to its holder", "socket", l.options.Socket, "address", l.Addr())
	return nil
}

// converse says one thing to the holder, and returns the connection and what came along with the answer.
func (l *Listener) converse(ctx context.Context, text string, s socket) (*net.UnixConn, socket, error) {
	dialer := net.Dialer{Timeout: l.options.Patience}
	dialed, err := dialer.DialContext(ctx, "unix", l.options.Socket)
	if err != nil {
		return nil, none(), fmt.Errorf("connecting to the holder: %w", err)
	}
	conn := dialed.(*net.UnixConn)
	answer, err := exchange(conn, text, s, l.options.Patience)
	if err != nil {
		_ = conn.Close() // Why it is of no use matters more.
		return nil, none(), err
	}
	return conn, answer, nil
}

// exchange sends one message and waits for the answer.
func exchange(conn *net.UnixConn, text string, s socket, patience time.Duration) (socket, error) {
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return none(), fmt.Errorf("talking to the holder: %w", err)
	}
	if err := send(conn, text, s); err != nil {
		return none(), err
	}
	answer, passed, err := receive(conn)
	if err != nil {
		return none(), err
	}
	if answer != done {
		err = refusal(strings.TrimPrefix(answer, refused))
	} else if err = conn.SetDeadline(time.Time{}); err != nil {
		err = fmt.Errorf("talking to the holder: %w", err)
	}
	if err != nil {
		passed.closeUnlessNone()
		return none(), err
	}
	return passed, nil
}

// refusal is why a holder does not do what is asked of it.
type refusal string

func (r refusal) Error() string { return fmt.Sprintf("the holder says %q", string(r)) }

// awaitEnd returns when the other side has gone, or ctx ends.
func awaitEnd(ctx context.Context, conn *net.UnixConn) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) }) // Which ends the Read.
	defer stop()
	_, _ = conn.Read(make([]byte, 1)) // Nothing is ever said: whatever comes is the end.
}

// holder is the connection to the holder, nil if there is none, and whether the listener is closed.
func (l *Listener) holder() (conn *net.UnixConn, closed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conn, l.closed
}

// keep has the connection, nil for none, in place of the one before, for as long as the listener is open.
func (l *Listener) keep(conn *net.UnixConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hangUp()
	l.conn = conn
	if l.closed {
		l.hangUp() // The holder was told too late, and hears that it is over.
	}
}

// hangUp ends the connection to the holder, if there is one. The caller holds the lock.
func (l *Listener) hangUp() {
	if l.conn != nil {
		_ = l.conn.Close() // The holder hears of it in any case.
	}
	l.conn = nil
}

// Close implements [net.Listener].
func (l *Listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	err := l.TCPListener.Close()
	l.hangUp()
	return err
}
