// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport/spdy"
)

// portForwardProtocol is that of the kubelet (k8s.io/client-go/tools/portforward, which listens on a local port and
// needs a library of WebSockets).
const portForwardProtocol = "portforward.k8s.io"

// stream is one direction of a connection of the port-forward.
type stream interface {
	io.ReadWriteCloser
	Reset() error
}

// forward opens a connection to a port of a Pod through the API server. It closes when ctx ends.
func (g dialing) forward(ctx context.Context, pod types.NamespacedName, port int32) (net.Conn, error) {
	type dialed struct {
		conn net.Conn
		err  error
	}
	done := make(chan dialed, 1)
	go func() {
		conn, err := g.upgrade(pod, port)
		done <- dialed{conn, err}
	}()
	select {
	case d := <-done:
		return d.conn, d.err
	case <-ctx.Done():
		go func() {
			if d := <-done; d.err == nil {
				_ = d.conn.Close()
			}
		}()
		return nil, &unreachedError{fmt.Errorf("opening a port-forward: %w", context.Cause(ctx))}
	}
}

// upgrade asks the API server for the connection, which asks the kubelet.
func (g dialing) upgrade(pod types.NamespacedName, port int32) (net.Conn, error) {
	cfg := rest.CopyConfig(g.config)
	cfg.Timeout = g.Timeout
	transport, upgrader, err := spdy.RoundTripperFor(cfg)
	if err != nil {
		return nil, &unreachedError{err}
	}
	at := g.client.CoreV1().RESTClient().Post().Namespace(pod.Namespace).Resource("pods").Name(pod.Name).
		SubResource("portforward").URL()
	conn, _, err := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, withoutQuery(at)).
		Dial(portForwardProtocol)
	if err != nil {
		return nil, &unreachedError{fmt.Errorf("opening a port-forward, which takes the right to create pods/portforward: "+
			"%w", err)}
	}
	headers := http.Header{}
	headers.Set(corev1.PortHeader, fmt.Sprint(port))
	headers.Set(corev1.PortForwardRequestIDHeader, "0")
	headers.Set(corev1.StreamType, corev1.StreamTypeError)
	errs, err := conn.CreateStream(headers)
	if err == nil {
		err = errs.Close() // Nothing is written there.
	}
	headers.Set(corev1.StreamType, corev1.StreamTypeData)
	if err == nil {
		var data stream
		if data, err = conn.CreateStream(headers); err == nil {
			return newForwarded(data, errs, conn.Close), nil
		}
	}
	_ = conn.Close()
	return nil, &unreachedError{fmt.Errorf("opening a port-forward: %w", err)}
}

func withoutQuery(u *url.URL) *url.URL {
	plain := *u
	plain.RawQuery = ""
	return &plain
}

// refusedError is a connection that the Pod refuses.
type refusedError struct{ text string }

// Error returns the kubelet's words.
func (e *refusedError) Error() string { return e.text }

// forwarded is a port-forward as a connection. The kubelet says what failed in a stream of its own.
type forwarded struct {
	stream

	failed chan string // what the kubelet says, once, or nothing at the end of its stream
	close  func() error
}

var _ net.Conn = &forwarded{}

func newForwarded(data, errs stream, closeAll func() error) *forwarded {
	f := &forwarded{stream: data, failed: make(chan string, 1), close: closeAll}
	go func() {
		text, _ := io.ReadAll(io.LimitReader(errs, 4096)) // What was read is enough.
		f.failed <- string(text)
		if len(text) > 0 {
			_ = data.Reset() // A read ends now.
		}
	}()
	return f
}

// Read returns what the kubelet says if there is nothing more to read.
func (f *forwarded) Read(p []byte) (int, error) {
	n, err := f.stream.Read(p)
	if err == nil || n > 0 {
		return n, err
	}
	select {
	case text := <-f.failed:
		if f.failed <- ""; text != "" {
			return 0, &refusedError{strings.TrimSpace(text)}
		}
	case <-time.After(time.Second): // The kubelet says it in the same moment, if at all.
	}
	return n, err
}

// Close ends the whole port-forward.
func (f *forwarded) Close() error { return f.close() }

// LocalAddr implements [net.Conn].
func (f *forwarded) LocalAddr() net.Addr { return &net.TCPAddr{} }

// RemoteAddr implements [net.Conn].
func (f *forwarded) RemoteAddr() net.Addr { return &net.TCPAddr{} }

// SetDeadline implements [net.Conn]: a handshake ends with its context, which closes the connection.
func (f *forwarded) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements [net.Conn].
func (f *forwarded) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements [net.Conn].
func (f *forwarded) SetWriteDeadline(time.Time) error { return nil }

// isRefused says whether a host answered that no process listens.
func isRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
