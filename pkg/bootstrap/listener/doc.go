// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package listener keeps a server's port open while its process is replaced.
//
// A process that is killed takes its listening socket along, and until it has been started again, new connections are
// refused. The API server does not repeat a webhook call, so that each of them is a failed request of somebody. This is
// what socket activation is for: another process, a [Holder], has the same socket open. As long as one of the two does,
// the kernel goes on accepting connections, which wait in the socket's backlog for the next server:
//
//	clients ─▶ listening socket ◀─ server: accepts        (comes and goes)
//	                    ▲
//	                    └───────── holder: only holds it  (stays)
//
// The two talk through a Unix socket in a directory that both can reach, such as an emptyDir of the pod, and the
// listening socket is passed by SCM_RIGHTS. Either may be restarted, for the process that has the listening socket
// gives it to the other: a server that starts wants it ([Acquire]), and one that finds a new holder offers it
// ([Listener.Share]). A server that finds no holder binds the port itself. When the server does not come back, the
// holder closes the port, so that connections do not wait without end.
//
// A server with its own certificate and handler, any net/http one, uses it like this:
//
//	l, err := listener.Acquire(ctx, listener.Options{Socket: "/run/listener/socket", Address: "0.0.0.0:9443"})
//	...
//	go l.Share(ctx)
//	err = lifecycle.NewServer(ctx, l, handler, lifecycle.ServerOptions{TLS: tlsConfig}).Serve(ctx)
//
// Serving should begin when there is a certificate: a connection that is accepted before that fails, one that is not
// waits. The holder is `webhook listen`, or a Holder of one's own.
package listener
