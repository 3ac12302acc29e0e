// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"strings"
	"time"
)

// Called names an entry.
type Called struct {
	Object  Object
	Webhook string
}

// Probe is a request that was sent so that the API server calls an entry. None has changed anything: it is a dry run,
// or reads.
type Probe struct {
	// Sent is the request in words.
	Sent string
	// Failure is what the API server says about a call that failed; empty if it says nothing of this entry.
	Failure string
	// PassedWithout is a request that the API server let pass without the webhook: its count of those has grown.
	PassedWithout bool
	// Skipped is why none was sent, or why its answer says nothing about this entry.
	Skipped string
}

// Count is what the metrics of an API server say of a webhook since its start: apiserver_admission_webhook_*.
type Count struct {
	Calls int64 `json:"calls"`
	// Failed calls, and those of them that passed without the webhook.
	Failed     int64 `json:"failed"`
	FailedOpen int64 `json:"failedOpen"`
	// Refused are requests that the webhook has refused.
	Refused int64 `json:"refused"`
	// Seconds are those of all calls.
	Seconds float64 `json:"seconds"`
}

// mean is the duration of a call.
func (c Count) mean() time.Duration {
	if c.Calls == 0 {
		return 0
	}
	return time.Duration(c.Seconds / float64(c.Calls) * float64(time.Second))
}

// Counted names a webhook in the metrics, which do not have the name of its configuration.
type Counted struct {
	Mutating bool
	Webhook  string
}

// APIServer is a Pod of kube-apiserver, as far as it concerns calls.
type APIServer struct {
	Pod string
	// Proxy is HTTPS_PROXY without a password, NoProxy is NO_PROXY, ServiceRange is --service-cluster-ip-range.
	Proxy, NoProxy, ServiceRange string
}

// Answer is what the API server says of an entry.
type Answer struct {
	Object  Object `json:"object"`
	Webhook string `json:"webhook,omitempty"`
	// Probe is what was sent, and what became of it; empty if no probe was asked for.
	Probe string `json:"probe,omitempty"`
	// Count is what the API server has counted; nil if that is not known.
	Count *Count `json:"count,omitempty"`
}

// calls judges what the API server itself says.
type calls struct{ *examination }

// The least number of calls of which a mean is taken, and the mean that is slow.
const (
	leastCalls = 10
	slow       = time.Second / 2
)

// judge judges the answer of a probe, the metrics, and whether a proxy is between the API server and the Service.
func (x calls) judge(e *Entry) {
	a := Answer{Object: e.Object, Webhook: e.Webhook}
	x.proxy(e)
	if count, ok := x.counted(e); ok {
		a.Count = &count
		if count.Failed+count.FailedOpen > 0 {
			x.find(e, IDFailedBefore, "compare with the numbers of a later "+
				"run", "of %d calls, %d failed, and %d requests passed "+
				"without it", count.Calls, count.Failed, count.FailedOpen)
		}
		if count.Calls >= leastCalls && count.mean() > slow {
			x.find(e, IDSlow, "read the server's log and metrics; give it more CPU and replicas", "a call takes %s on average",
				count.mean().Round(time.Millisecond))
		}
	}
	if probe, ok := x.facts.Probes[Called{e.Object, e.Webhook}]; ok {
		a.Probe = x.probe(e, probe)
	}
	if a.Probe != "" || a.Count != nil {
		x.answers = append(x.answers, a)
	}
}

// probe judges the answer. What is known already of the same entry is not said again in other words.
func (x calls) probe(e *Entry, p Probe) string {
	switch {
	case p.Skipped != "":
		x.skipped = append(x.skipped, Unread{Resource: "probe", Minor: true, Reason: fmt.Sprintf(
			"%s was not probed: %s", e.words(), p.Skipped)})
		return "not made: " + p.Skipped
	case p.Failure != "":
		if id := Classify(p.Failure); !x.isUncallable(e) {
			x.find(e, id, x.problems[id].Fix, "the API server says of %s: %s", p.Sent, oneLine(p.Failure))
		}
		return p.Sent + ": the call failed: " + oneLine(p.Failure)
	case p.PassedWithout:
		if !x.isUncallable(e) {
			x.find(e, IDCallFailed, "read the log of kube-apiserver: it has why the call failed",
				"the API server let %s pass without it (its fail-open count has grown)", p.Sent)
		}
		return p.Sent + ": it passed without the webhook"
	case e.Rules != nil && !e.failsClosed():
		return p.Sent + ": no failure is known (failurePolicy Ignore)"
	}
	return p.Sent + ": no failure"
}

// words names an entry in a sentence.
func (e *Entry) words() string {
	if e.Webhook == "" {
		return e.Object.String()
	}
	return fmt.Sprintf("webhook %q of %s", e.Webhook, e.Object)
}

// isUncallable says that a finding has told already why the entry cannot be called.
func (x *examination) isUncallable(e *Entry) bool {
	for i := range x.findings {
		f := &x.findings[i]
		if f.Object == e.Object && x.problems[f.ID].Callable && (e.Webhook == "" || f.has(e.Webhook)) {
			return true
		}
	}
	return false
}

// counted are the numbers of a webhook. Two of one name are not told apart in the metrics.
func (x calls) counted(e *Entry) (Count, bool) {
	if e.Rules == nil {
		return Count{}, false
	}
	of := 0
	for i := range x.facts.All {
		if o := &x.facts.All[i]; o.Webhook == e.Webhook && o.Object.Kind == e.Object.Kind {
			of++
		}
	}
	count, ok := x.facts.Counts[Counted{e.Object.Kind == KindMutating, e.Webhook}]
	return count, ok && of == 1
}

// oneLine is text of several lines as one.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
