// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
)

// The reasons of events about objects of other people.
const (
	eventDenied = "DeniedByCheck"
	eventFound  = "FoundByCheck"
)

// rememberedEvents is how many objects the recorder remembers, to count repetitions. What it remembers of each are a
// few messages at most.
const rememberedEvents = 512

// ObjectEvents writes events about objects of other people, of which a check has found something. It never blocks and
// never fails: no more than a thousand events wait to be written, and the API server is asked for one at a time. Of one
// object 25 events pass, and then one in five minutes; ten that are alike are counted as one. It is safe for concurrent
// use. Make one with [NewObjectEvents].
type ObjectEvents struct {
	ctx      context.Context //nolint:containedctx // The recorder's interface hands none on.
	recorder record.EventRecorder
}

// NewObjectEvents writes events with the client, which has to be for all namespaces, as the component that reports
// them, until ctx ends. It takes the right to create and patch events in the namespaces of the objects.
func NewObjectEvents(ctx context.Context, client typedcorev1.EventInterface, host string) *ObjectEvents {
	sink := &eventSink{client: client, ctx: ctx, release: make(chan struct{}), where: "all namespaces"}
	sink.open()
	broadcaster := record.NewBroadcaster(record.WithContext(ctx),
		record.WithCorrelatorOptions(record.CorrelatorOptions{LRUCacheSize: rememberedEvents}))
	broadcaster.StartRecordingToSink(sink)
	source := corev1.EventSource{Component: "hookstrap", Host: host}
	recorder := broadcaster.NewRecorder(scheme.Scheme, source).WithLogger(klog.FromContext(ctx))
	return &ObjectEvents{ctx: ctx, recorder: recorder}
}

// Denied says that a request was denied.
func (e *ObjectEvents) Denied(regarding corev1.ObjectReference, message string) {
	e.record(regarding, eventDenied, message)
}

// Found says what was found in a request that passed.
func (e *ObjectEvents) Found(regarding corev1.ObjectReference, message string) {
	e.record(regarding, eventFound, message)
}

// Waits says why the request of a Pod for a certificate is not signed yet.
func (e *ObjectEvents) Waits(regarding corev1.ObjectReference, message string) {
	e.record(regarding, eventRequestWaits, message)
}

func (e *ObjectEvents) record(regarding corev1.ObjectReference, reason, message string) {
	if e.ctx.Err() == nil {
		e.recorder.Event(&regarding, corev1.EventTypeWarning, reason, message)
	}
}
