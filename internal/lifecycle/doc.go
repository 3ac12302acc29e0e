// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package lifecycle is how a webhook server tells kubelet that it can be called, and how it goes away without losing a
// request.
//
// # Health
//
// [HealthzHandler] and [ReadyzHandler] speak the dialect of kube-apiserver's own endpoints. Live means that the process
// answers HTTP and nothing else: a certificate problem is never cured by a restart, so no condition may enter there.
// Ready is the conjunction of named conditions, and a failure answers with one line for each, so that `kubectl get
// --raw` or curl says what is wrong.
//
// # Shutdown
//
// When a pod is deleted, SIGTERM and the removal of its endpoint set out at the same time, and for some seconds the API
// server goes on calling a process that has been told to stop. It also keeps connections alive, and those outlast the
// endpoint (kubernetes#127335). A server that closes its listener on SIGTERM therefore turns a rolling update of a
// fail-closed webhook into an outage. The [Drainer] does it in order:
//
//	SIGTERM ─▶ half the delay ─▶ not ready ─▶ the other half ─▶ stop ─▶ wait for the rest ─▶ exit
//	           └───────────── every answer says "Connection: close" ──────────────┘
//
// During the delay (longer than endpoints need to propagate, 10 s is plenty) requests are answered as ever, while each
// answer asks its caller to come back on another connection, which leads to another pod.
//
// [SignalContext] supplies the beginning; [Listen] the little HTTP server for health and metrics, which should be the
// last to go.
package lifecycle
