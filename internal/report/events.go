// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/refusal"
)

// The reasons of our events; all of them are about our own Pod. A request that has not led to a certificate has its
// outcome behind the prefix, CertificateDenied for instance, where it has one.
const (
	eventServed        = "CertificateServed"
	eventRenewed       = "CertificateRenewed"
	eventRequest       = "Certificate"
	eventRequestFailed = "CertificateRequestFailed"
	eventNotTrusted    = "CertificateNotTrusted"
	eventFight         = "CABundleFoughtOver"
	eventInsists       = "CABundleShared"
	eventReload        = "FilesNotReloaded"
	eventReloaded      = "FilesReloaded"
	eventAuthority     = "CARotation"
	eventDenies        = "CheckDenies"
	eventCacheFull     = "ClusterCacheFull"
	eventCacheComplete = "ClusterCacheComplete"
	eventForeignCA     = "CANotMadeHere"
	eventCANotWritten  = "CANotUpdated"
	eventCAWritten     = "CAUpdated"
	eventRotationWaits = "CARotationWaits"
	eventDistrust      = "CADistrustNotUnderstood"
	eventForeignEntry  = "ForeignWebhookEntry"
	eventOwnNamespace  = "OwnNamespaceNotExempt"
	eventNotLoaded     = "CertificateNotLoaded"
	eventLoaded        = "CertificateLoaded"
	eventTargetWaived  = "TargetNotCalled"
	eventInForce       = "WebhookInForce"
	eventNotInForce    = "WebhookNotInForce"

	eventRequestWaits    = "PodCertificateWaits"
	eventEntryUncallable = "EntryNotCallable"
)

// warningInterval is for how long the same warning about the same thing is not repeated. It comes on top of client-go's
// own filter, which lets 25 events of one Pod through and then one in five minutes.
const warningInterval = 5 * time.Minute

// events tells what happens to our own certificate to those who look at the Pod and not at its log. It never blocks
// and never fails: an event that cannot be written is lost, and the log has its story. Its methods may be called by
// many goroutines; before start, and without a Pod, they do nothing.
type events struct {
	pod  corev1.ObjectReference
	sink eventSink

	mu       sync.Mutex
	recorder record.EventRecorder
	warned   map[string]time.Time // by reason and subject
}

// newEvents is about the Pod, if it has a name. Without a client there are no events.
func newEvents(pod corev1.ObjectReference, client typedcorev1.EventInterface) *events {
	return &events{
		pod:    pod,
		sink:   eventSink{client: client, release: make(chan struct{}), where: "our namespace"},
		warned: map[string]time.Time{},
	}
}

// start makes the recorder, which lives until ctx ends. What is recorded is held back until [events.send].
func (e *events) start(ctx context.Context) {
	if e.pod.Name == "" || e.sink.client == nil {
		return
	}
	e.sink.ctx = ctx
	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	broadcaster.StartRecordingToSink(&e.sink)
	e.mu.Lock()
	defer e.mu.Unlock()
	source := corev1.EventSource{Component: "hookstrap", Host: e.pod.Name}
	e.recorder = broadcaster.NewRecorder(scheme.Scheme, source).WithLogger(klog.FromContext(ctx))
}

// send lets out what was held back, and what comes. It is called when the start is over, so that events neither slow
// it down nor count among its requests.
func (e *events) send() { e.sink.open() }

// normal records that something went the way it should.
func (e *events) normal(reason, format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.record(corev1.EventTypeNormal, reason, format, args...)
}

// warning records what a person should look at, unless it was said of the same subject lately. A start that needs to
// warn is not the fast one, so that nothing is held back any longer.
func (e *events) warning(reason, subject, format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now, key := time.Now(), reason+"/"+subject
	if last, warned := e.warned[key]; warned && now.Sub(last) < warningInterval {
		return
	}
	e.warned[key] = now
	e.record(corev1.EventTypeWarning, reason, format, args...)
	e.send()
}

// settled forgets what was warned of: after good news, the same trouble is news again.
func (e *events) settled() {
	e.mu.Lock()
	defer e.mu.Unlock()
	clear(e.warned)
}

// over forgets one warning.
func (e *events) over(reason, subject string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.warned, reason+"/"+subject)
}

func (e *events) record(kind, reason, format string, args ...any) {
	if e.recorder != nil && e.sink.ctx.Err() == nil {
		e.recorder.Eventf(&e.pod, kind, reason, format, args...)
	}
}

// eventSink writes events, one at a time and from a goroutine of client-go's recorder, which queues a thousand and
// drops what is more. The first one waits until the sink is open.
type eventSink struct {
	client  typedcorev1.EventInterface
	ctx     context.Context // of start: client-go's interface hands none on
	release chan struct{}
	once    sync.Once
	where   string // the namespaces in which events are written, for advice
}

var _ record.EventSink = &eventSink{}

func (s *eventSink) open() { s.once.Do(func() { close(s.release) }) }

// Create implements [record.EventSink].
func (s *eventSink) Create(event *corev1.Event) (*corev1.Event, error) {
	return s.write(event, func() (*corev1.Event, error) {
		return s.client.CreateWithEventNamespaceWithContext(s.ctx, event)
	})
}

// Update implements [record.EventSink]. The recorder does not use it.
func (s *eventSink) Update(event *corev1.Event) (*corev1.Event, error) {
	return s.write(event, func() (*corev1.Event, error) {
		return s.client.UpdateWithEventNamespaceWithContext(s.ctx, event)
	})
}

// Patch implements [record.EventSink]: the same event once more, or a similar one.
func (s *eventSink) Patch(event *corev1.Event, data []byte) (*corev1.Event, error) {
	return s.write(event, func() (*corev1.Event, error) {
		return s.client.PatchWithEventNamespaceWithContext(s.ctx, event, data)
	})
}

// write hides from the recorder what it would only report in its own way: the end of the process, and a refusal that
// somebody has to act on. Everything else is its to judge, and to try again.
func (s *eventSink) write(event *corev1.Event, do func() (*corev1.Event, error)) (*corev1.Event, error) {
	select {
	case <-s.release:
	case <-s.ctx.Done():
	}
	if s.ended() {
		return event, nil
	}
	written, err := do()
	advice := refusal.Advice(err,
		"grant {apiGroups: [\"\"], resources: [events], verbs: [create, patch]} in "+s.where)
	if advice != "" {
		klog.FromContext(s.ctx).Error(err, "Cannot write an event", "advice", advice, "reason", event.Reason,
			"message", event.Message)
	}
	if advice != "" || s.ended() {
		return event, nil
	}
	return written, err
}

func (s *eventSink) ended() bool { return s.ctx.Err() != nil }
