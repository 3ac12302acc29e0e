// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"strings"
	"sync"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/klog/v2"
)

const (
	// maxLogged is how long each text in a line about a finding may be, in characters. Names of objects are no longer.
	maxLogged = 253
	// linesOfNamespace and linesOfAll are how many lines about reviews there are in a minute, for one namespace and for
	// all. What a tenant has denied must not fill the log, nor keep the lines of others out of it.
	linesOfNamespace = 10
	linesOfAll       = 300
)

// reviewLog tells the log about reviews, in a bounded number of lines, and notices what has one. The zero value is
// ready for use.
type reviewLog struct {
	lines   lineLimit
	noticed notices
}

// review logs what became of a review: at any verbosity a line for what was denied or could not be judged, and one
// for what checks in mode Audit have found.
func (l *reviewLog) review(
	ctx context.Context, req *Request, outcomes []outcome, response *admissionv1.AdmissionResponse, decision decision,
) {
	logger := klog.FromContext(ctx)
	switch denied, _ := split(outcomes, Deny); decision {
	case decisionDenied:
		l.findings(logger, req, "Denied", denied, true)
	case decisionError:
		l.notJudged(logger, req, response)
	default:
		if logger := logger.V(4); logger.Enabled() { // Or else the values would be made for nothing.
			logger.Info("Allowed", "kind", req.Kind.Kind, "object", klog.KRef(req.Namespace, req.Name),
				"operation", req.Operation, "warnings", len(response.Warnings))
		}
	}
	if audited, _ := split(outcomes, Audit); len(audited) > 0 {
		l.findings(logger, req, "Found by a check in mode audit", audited, false)
	}
}

// notJudged logs one line about a review that could not be judged. Of one that was refused, no more is known than its
// head.
func (l *reviewLog) notJudged(logger klog.Logger, req *Request, response *admissionv1.AdmissionResponse) {
	l.line(logger, req, "Not allowed", "code", response.Result.Code,
		"message", clean(strings.ReplaceAll(response.Result.Message, "\n", "; "), maxViolation))
}

// findings logs one line about an object: the checks, and the first finding of the first of them. What has a line is
// noticed.
func (l *reviewLog) findings(logger klog.Logger, req *Request, message string, found []outcome, denied bool) {
	checks := make([]string, 0, len(found))
	for _, o := range found {
		checks = append(checks, o.entry.name)
	}
	names, finding := clean(strings.Join(checks, ","), maxLogged), clean(violationText(found[0].violations[0]), maxLogged)
	if l.line(logger, req, message, "checks", names, "finding", finding) {
		l.noticed.tell(req, denied, names, finding)
	}
}

// line logs one line about an object, and says whether it has: there may be too many.
func (l *reviewLog) line(logger klog.Logger, req *Request, message string, keysAndValues ...any) bool {
	pass, unlogged := l.lines.pass(req.Namespace, time.Now())
	if !pass {
		return false
	}
	name, prefix := names(req)
	if name == "" {
		name = prefix
	}
	logger.Info(message, append([]any{
		"kind", clean(req.Kind.Kind, maxLogged), "object", clean(klog.KRef(req.Namespace, name).String(), 2*maxLogged),
		"operation", clean(string(req.Operation), maxLogged), "user", clean(req.UserInfo.Username, maxLogged),
		"unlogged", unlogged,
	}, keysAndValues...)...)
	return true
}

// lineLimit bounds how many lines there are in a minute. The zero value is ready for use.
type lineLimit struct {
	mu       sync.Mutex
	began    time.Time
	logged   int
	of       map[string]int // by namespace; no more of them than lines
	unlogged int            // since the last line
}

// pass says whether to log a line about a namespace, and how many lines there were not since the last one.
func (l *lineLimit) pass(namespace string, now time.Time) (ok bool, unlogged int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if since := now.Sub(l.began); since >= time.Minute || since < 0 {
		l.began, l.logged, l.of = now, 0, map[string]int{}
	}
	if l.logged >= linesOfAll || l.of[namespace] >= linesOfNamespace {
		l.unlogged++
		return false, 0
	}
	l.logged++
	l.of[namespace]++
	unlogged, l.unlogged = l.unlogged, 0
	return true, unlogged
}
