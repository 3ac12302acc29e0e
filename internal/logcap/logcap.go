// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package logcap keeps secrets out of the log: it bounds the verbosity at which client-go logs what we ask of it.
//
// From verbosity 8 on, client-go logs the bodies of requests and answers, a Secret with the CA's private key among
// them, as text or as a hex dump. It takes the logger from the context of the call, so whatever calls the API server
// gets its context from [NewContext].
package logcap

import (
	"context"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
)

// MaxVerbosity is the highest verbosity that has an effect: at 7, client-go logs URLs, status codes, and the headers of
// requests with credentials masked.
const MaxVerbosity = 7

// NewContext returns ctx with its logger wrapped by [Logger].
func NewContext(ctx context.Context) context.Context {
	return klog.NewContext(ctx, Logger(klog.FromContext(ctx)))
}

// Logger returns logger without what is more verbose than [MaxVerbosity].
func Logger(logger klog.Logger) klog.Logger {
	inner := logger.GetSink()
	if _, done := inner.(sink); done || inner == nil {
		return logger
	}
	return logger.WithSink(wrap(inner))
}

// sink is a [logr.LogSink] that is not enabled above [MaxVerbosity].
type sink struct {
	logr.LogSink

	// enabler is the same one for Enabled, which some sinks answer by the caller's file (--vmodule).
	enabler logr.LogSink
}

func wrap(inner logr.LogSink) sink {
	s := sink{LogSink: inner, enabler: inner}
	if deeper, ok := inner.(logr.CallDepthLogSink); ok {
		s.enabler = deeper.WithCallDepth(1)
	}
	return s
}

// Enabled implements [logr.LogSink].
func (s sink) Enabled(level int) bool { return level <= MaxVerbosity && s.enabler.Enabled(level) }

// WithValues implements [logr.LogSink].
func (s sink) WithValues(keysAndValues ...any) logr.LogSink {
	return wrap(s.LogSink.WithValues(keysAndValues...))
}

// WithName implements [logr.LogSink].
func (s sink) WithName(name string) logr.LogSink { return wrap(s.LogSink.WithName(name)) }

// WithCallDepth implements [logr.CallDepthLogSink].
func (s sink) WithCallDepth(depth int) logr.LogSink {
	if deeper, ok := s.LogSink.(logr.CallDepthLogSink); ok {
		return wrap(deeper.WithCallDepth(depth))
	}
	return s
}
