// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/lean"
)

// Options are what a Handler is made of.
type Options struct {
	// Entries are the first checks and mutations; SetChecks exchanges them later.
	Entries []Entry
	// Registerer is where the metrics go; nil registers none. Several handlers may share one, and then
	// share the metrics too.
	Registerer prometheus.Registerer
	// Limits bound what many reviews may cost; the zero value suits the machine.
	Limits Limits
	// OnNoticed is told of what is denied, and of what checks in mode [Audit] find, where there is an object to tell of:
	// at most as often as there is a line in the log, 10 times a minute for a namespace and 300 times for all. It is not
	// told of requests that are a dry run. It is called by many goroutines and must not block. Nil reports nothing.
	OnNoticed func(Noticed)
}

// Handler answers AdmissionReviews over HTTP: those of a ValidatingWebhookConfiguration, see [Handler.Mutating] for the
// others. It may be used concurrently. Make one with [New].
type Handler struct {
	entries atomic.Pointer[compiled]
	metrics *metrics
	gate    *gate
	own     atomic.Pointer[ownNamespace]
	log     reviewLog
}

var _ http.Handler = &Handler{}

// New makes a Handler. The error says everything that is wrong with the entries, or that the metrics' names are taken.
func New(opts Options) (*Handler, error) {
	m, err := newMetrics(opts.Registerer)
	if err != nil {
		return nil, err
	}
	g, err := newGate(opts.Limits, opts.Registerer)
	if err != nil {
		return nil, err
	}
	h := &Handler{metrics: m, gate: g, log: reviewLog{noticed: opts.OnNoticed}}
	if err := h.SetChecks(opts.Entries...); err != nil {
		return nil, err
	}
	return h, nil
}

// SetChecks exchanges all checks and mutations at once. Requests that are being answered keep the ones they began
// with. When the entries are not valid nothing changes, and the error says everything that is wrong with them.
func (h *Handler) SetChecks(entries ...Entry) error {
	compiled, err := compile(entries)
	if err != nil {
		return fmt.Errorf("cannot use these checks: %w", err)
	}
	h.entries.Store(compiled)
	return nil
}

// ServeHTTP answers one AdmissionReview of version v1 or v1beta1. Whatever becomes of a review, it is answered with a
// review: to an API server an error of HTTP is the webhook's failure, which a failurePolicy Ignore forgives.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.serve(w, r, false) }

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, mutates bool) {
	start, budget := time.Now(), budgetOf(r.URL)
	setDeadlines(w, start)
	held := h.gate.reserve(w, start)
	defer held.release()
	in := &incoming{request: r, mutates: mutates, held: held, turn: start.Add(budget / 2), due: start.Add(budget)}
	if refused := h.answer(w, in, budget); refused != nil {
		h.refuse(w, in, refused)
	}
}

// refuse answers what was not judged: with a review, if it is one.
func (h *Handler) refuse(w http.ResponseWriter, in *incoming, refused *refusal) {
	r := in.request
	logger := klog.FromContext(r.Context())
	head := in.abandon()
	if !head.isAnswerable() {
		logger.V(2).Info("Refused a request", "remote", r.RemoteAddr, "code", refused.code, "reason", refused.message)
		if !refused.retry { // or else it is counted already
			h.metrics.observeInvalid()
		}
		refused.write(w)
		return
	}
	decision, response := decisionAllowed, refused.response(head.request)
	if !refused.allowed {
		decision = decisionError
		logger = klog.LoggerWithValues(logger, "uid", clean(string(head.Request.UID), maxLogged))
		h.log.notJudged(logger, head.request, response)
	}
	if !refused.retry {
		h.metrics.observeReview(head.request, decision, time.Since(in.held.since))
	}
	head.answer(w, response, logger)
}

// answer answers a review when its turn has come, or refuses it.
func (h *Handler) answer(w http.ResponseWriter, in *incoming, budget time.Duration) (refused *refusal) {
	r, held := in.request, in.held
	defer func() {
		if reason := recover(); reason != nil {
			refused = panicked(r.Context(), reason)
		}
	}()
	if refused := in.receive(); refused != nil {
		return refused
	}
	// The context of the HTTP request ends when the server begins to shut down: controller-runtime derives it from the
	// context that stops the manager. The request in hand must still get its answer, or every rollout would fail some.
	// So the deadline is all that can end an evaluation; the caller's hanging up does not matter to checks this short.
	ctx, cancel := context.WithDeadline(context.WithoutCancel(r.Context()), in.due)
	defer cancel()
	if refused := held.enter(ctx, in.turn, in.caller); refused != nil {
		return refused
	}
	shape := lean.Shape(envelope)
	if in.mutates {
		shape = bareEnvelope
	}
	decoded, refused := decodeReview(in.data, held, shape)
	if refused != nil {
		return refused
	}
	decoded.request.memory = &held.decoded
	logger := klog.LoggerWithValues(klog.FromContext(ctx), "uid", clean(string(decoded.request.UID), maxLogged))
	response, decision := h.review(klog.NewContext(ctx, logger), decoded.request, in, budget)
	decoded.answer(w, response, logger)
	h.metrics.observeReview(decoded.request, decision, time.Since(held.since))
	return nil
}

// review asks the checks, or the mutations, and puts together what they say.
func (h *Handler) review(
	ctx context.Context, req *Request, in *incoming, budget time.Duration,
) (*admissionv1.AdmissionResponse, decision) {
	h.own.Load().look(ctx, req)
	if req.cleansUp() {
		return &admissionv1.AdmissionResponse{UID: req.UID, Allowed: true}, decisionAllowed
	}
	entries, answer := h.entries.Load().checks, respond
	if in.mutates {
		entries, answer = h.entries.Load().mutations, respondWithPatch
	}
	in.held.share()
	outcomes := evaluate(ctx, entries, req, budget, in.held.release)
	for i := range outcomes {
		h.metrics.observeCheck(req, &outcomes[i])
	}
	response, decision := answer(req, outcomes)
	h.log.review(ctx, req, outcomes, response, decision)
	return response, decision
}

// panicked tells the log of a panic outside of any check, and refuses the review. What net/http uses to end a
// connection goes on.
func panicked(ctx context.Context, reason any) *refusal {
	if reason == http.ErrAbortHandler { //nolint:errorlint // a value, as net/http compares it
		panic(reason)
	}
	klog.FromContext(ctx).Error(nil, "The handler panicked; this is a bug",
		"panic", fmt.Sprint(reason), "stack", string(debug.Stack()))
	return refuse(http.StatusInternalServerError, "the webhook panicked; its log has the stack")
}

// ownNamespace notices reviews that should not have been asked for.
type ownNamespace struct {
	name   string
	notice func(ctx context.Context, resource string)
}

// NoticeNamespace has notice called for each review of an object in a namespace, with the resource. It is for the
// server's own: a webhook that is asked about it cannot start again once all its Pods are gone. bootstrap.Server calls
// it when the handler is registered. The function must not block.
func (h *Handler) NoticeNamespace(name string, notice func(ctx context.Context, resource string)) {
	h.own.Store(&ownNamespace{name, notice})
}

// look calls notice for a review of an object in our own namespace.
func (o *ownNamespace) look(ctx context.Context, req *Request) {
	if o == nil || o.name == "" || req.Namespace != o.name {
		return
	}
	o.notice(ctx, req.Resource.Resource)
}
