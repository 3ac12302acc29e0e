// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/refusal"
)

// eventSink writes events, one at a time and from a goroutine of client-go's recorder, which queues a thousand and
// drops what is more. The first one waits until the sink is open.
type eventSink struct {
	client  typedcorev1.EventInterface
	ctx     context.Context // of start: client-go's interface hands none on
	release chan struct{}
	once    sync.Once
}

var _ record.EventSink = &eventSink{}

func (s *eventSink) open() { s.once.Do(func() { close(s.release) }) }

// wait returns true once the sink is open, and false when the context has ended.
func (s *eventSink) wait() bool {
	select {
	case <-s.release:
		return !s.ended()
	case <-s.ctx.Done():
		return false
	}
}

func (s *eventSink) ended() bool { return s.ctx.Err() != nil }

// Create implements [record.EventSink].
func (s *eventSink) Create(event *corev1.Event) (*corev1.Event, error) {
	return s.write(event, func() (*corev1.Event, error) {
		return s.client.Create(s.ctx, event, metav1.CreateOptions{})
	})
}

// Update implements [record.EventSink]. The recorder does not use it.
func (s *eventSink) Update(event *corev1.Event) (*corev1.Event, error) {
	return s.write(event, func() (*corev1.Event, error) {
		return s.client.Update(s.ctx, event, metav1.UpdateOptions{})
	})
}

// Patch implements [record.EventSink]: the same event once more, or a similar one.
func (s *eventSink) Patch(event *corev1.Event, data []byte) (*corev1.Event, error) {
	return s.write(event, func() (*corev1.Event, error) {
		return s.client.Patch(s.ctx, event.Name, types.StrategicMergePatchType, data, metav1.PatchOptions{})
	})
}

// write hides from the recorder what it would only report in its own way: the end of the process, and a refusal that
// somebody has to act on. Everything else is its to judge, and to try again.
func (s *eventSink) write(event *corev1.Event, do func() (*corev1.Event, error)) (*corev1.Event, error) {
	if !s.wait() {
		return event, nil
	}
	written, err := do()
	advice := refusal.Advice(err,
		"grant {apiGroups: [\"\"], resources: [events], verbs: [create, patch]} in our namespace")
	if advice != "" {
		klog.FromContext(s.ctx).Error(err, "Cannot write an event", "advice", advice, "reason", event.Reason,
			"message", event.Message)
	}
	if advice != "" || s.ended() {
		return event, nil
	}
	return written, err
}
