// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/lean"
)

// conversionReview is a ConversionReview of apiextensions.k8s.io/v1, as far as it is needed.
type conversionReview struct {
	metav1.TypeMeta `json:",inline"`
	Request         *conversionRequest  `json:"request,omitempty"`
	Response        *conversionResponse `json:"response,omitempty"`
}

type conversionRequest struct {
	UID               types.UID         `json:"uid"`
	DesiredAPIVersion string            `json:"desiredAPIVersion"`
	Objects           []json.RawMessage `json:"objects"`
}

type conversionResponse struct {
	UID              types.UID         `json:"uid"`
	ConvertedObjects []json.RawMessage `json:"convertedObjects"`
	Result           metav1.Status     `json:"result"`
}

// Converting answers the ConversionReviews (apiextensions.k8s.io/v1) that API servers send for the kinds of the
// conversions, all at one path or each at its own. It shares the limits of the Handler, its metrics and its log. A
// request has 7 MiB at most, as an AdmissionReview. What there is no room for at the moment is answered with 503, upon
// which an API server tries again. Whatever else is wrong with a ConversionReview is said in the answer to it.
//
// It panics if a conversion is nil, or a kind has two; see [ValidateConversions].
func (h *Handler) Converting(conversions ...*Conversion) http.Handler {
	if err := ValidateConversions(conversions...); err != nil {
		panic(fmt.Sprintf("cannot serve these conversions: %v", err))
	}
	return &converting{handler: h, conversions: conversions}
}

type converting struct {
	handler     *Handler
	conversions []*Conversion
}

func (c *converting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start, budget := time.Now(), budgetOf(r.URL)
	setDeadlines(w, start)
	held := c.handler.gate.reserve(w, start)
	defer held.release()
	in := &incoming{
		request: r, what: "ConversionReview", held: held, turn: start.Add(budget / 2), due: start.Add(budget),
	}
	if refused := c.answer(w, in); refused != nil {
		c.refuse(w, in, refused)
	}
}

// refuse answers what was not converted. If it is a ConversionReview, so is the answer: of most errors of HTTP an API
// server passes on a sentence of its own. What is worth trying again is a 503, after which an API server does so.
func (c *converting) refuse(w http.ResponseWriter, in *incoming, refused *refusal) {
	ctx := in.request.Context()
	c.handler.metrics.converted.WithLabelValues(other, other, other, "refused").Inc()
	switch head := in.abandon(); {
	case !head.isConversion():
		klog.FromContext(ctx).V(2).Info("Refused a request", "remote", in.request.RemoteAddr, "code", refused.code,
			"reason", refused.message)
		refused.write(w)
	case refused.retry:
		c.notConverted(ctx, head.Request.UID, refused.message)
		refused.write(w)
	default:
		response := c.failed(ctx, head.Request.UID, refused.message)
		writeReview(w, conversionReview{TypeMeta: head.TypeMeta, Response: response}, klog.FromContext(ctx))
	}
}

// failed is the answer that says why nothing is converted. The log says so too.
func (c *converting) failed(ctx context.Context, uid types.UID, message string) *conversionResponse {
	message = clean(message, maxViolation)
	c.notConverted(ctx, uid, message)
	return &conversionResponse{UID: uid, Result: metav1.Status{Status: metav1.StatusFailure, Message: message}}
}

// notConverted logs why a review was not converted, in no more lines than there may be.
func (c *converting) notConverted(ctx context.Context, uid types.UID, message string) {
	if pass, unlogged := c.handler.log.lines.pass("", time.Now()); pass {
		klog.FromContext(ctx).Info("Not converted", "uid", clean(string(uid), maxLogged), "message", message,
			"unlogged", unlogged)
	}
}

// answer answers a review when its turn has come, or refuses it.
func (c *converting) answer(w http.ResponseWriter, in *incoming) *refusal {
	if refused := in.receive(); refused != nil {
		return refused
	}
	// As with an AdmissionReview, the request in hand gets its answer while the server shuts down.
	ctx, cancel := context.WithDeadline(context.WithoutCancel(in.request.Context()), in.due)
	defer cancel()
	if refused := in.held.enter(ctx, in.turn, func() *caller { return &caller{} }); refused != nil {
		return refused
	}
	var review conversionReview
	if err := lean.DecodeAll(&review, lean.Object{Raw: in.data, Memory: &in.held.decoded}); err != nil {
		if short := (*memoryError)(nil); errors.As(err, &short) {
			return in.held.gate.refuseDecoding(short)
		}
		return refuse(http.StatusBadRequest, "the body is not a ConversionReview: %v", err)
	}
	switch {
	case review.TypeMeta != conversionV1():
		return refuse(http.StatusBadRequest, "apiVersion %.100q, kind %.100q: send a ConversionReview of "+
			"apiextensions.k8s.io/v1", review.APIVersion, review.Kind)
	case review.Request == nil || review.Request.UID == "" || len(review.Request.UID) > maxNames:
		return refuse(http.StatusBadRequest, "the ConversionReview has no request with a uid")
	}
	response, refused := c.respond(ctx, in, review.Request)
	if refused != nil {
		return refused
	}
	review.Response, review.Request = response, nil
	writeReview(w, review, klog.FromContext(ctx))
	return nil
}

// respond converts the objects of a request until its time is up. It refuses if there is no memory for them now.
func (c *converting) respond(
	ctx context.Context, in *incoming, request *conversionRequest,
) (*conversionResponse, *refusal) {
	type result struct {
		objects []json.RawMessage
		err     error
	}
	results := make(chan result, 1)
	in.held.share()
	go func() {
		var r result
		defer func() { results <- r }()
		defer in.held.release() // before the answer, so that the next request finds its memory
		defer func() {
			if reason := recover(); reason != nil { // Here it would end the process.
				r.err = conversionPanicked(ctx, reason)
			}
		}()
		r.objects, r.err = c.convertAll(ctx, in.held, request)
	}()
	var got result
	select {
	case got = <-results:
	case <-ctx.Done():
		got.err = fmt.Errorf("%w: make the conversion faster", errDeadline)
	}
	if short := (*memoryError)(nil); errors.As(got.err, &short) && !short.isForGood() {
		return nil, in.held.gate.refuseDecoding(short)
	}
	if got.err != nil {
		return c.failed(ctx, request.UID, got.err.Error()), nil
	}
	return &conversionResponse{
		UID: request.UID, ConvertedObjects: got.objects, Result: metav1.Status{Status: metav1.StatusSuccess},
	}, nil
}

// convertAll converts all objects of a request, or none.
func (c *converting) convertAll(
	ctx context.Context, held *reservation, request *conversionRequest,
) ([]json.RawMessage, error) {
	converted := make([]json.RawMessage, 0, len(request.Objects))
	for _, raw := range request.Objects {
		object := lean.Object{Raw: raw, Memory: &held.decoded}
		var head metav1.TypeMeta
		if err := lean.DecodeAll(&head, object); err != nil {
			return nil, fmt.Errorf("cannot read an object to be converted to %s: %w", request.DesiredAPIVersion, err)
		}
		start := time.Now()
		i := slices.IndexFunc(c.conversions, func(c *Conversion) bool { return c.Kind() == groupKind(head) })
		if i < 0 {
			c.handler.metrics.converted.WithLabelValues(other, other, other, "failed").Inc()
			kind := clean(groupKind(head).String(), maxViolation)
			return nil, fmt.Errorf("the webhook converts no %s: %w", kind, errNoConversion)
		}
		to := request.DesiredAPIVersion
		result, err := c.conversions[i].convert(ctx, object, to)
		c.handler.metrics.observeConversion(c.conversions[i], head.APIVersion, to, err, time.Since(start))
		if err != nil {
			return nil, err
		}
		converted = append(converted, result)
		if ctx.Err() != nil {
			return nil, errDeadline
		}
	}
	return converted, nil
}

// conversionV1 is the only version of a ConversionReview.
func conversionV1() metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: "apiextensions.k8s.io/v1", Kind: "ConversionReview"}
}

var errNoConversion = errors.New("give the program a conversion for it, or correct the path in the " +
	"CustomResourceDefinition")

func groupKind(head metav1.TypeMeta) schema.GroupKind {
	return schema.FromAPIVersionAndKind(head.APIVersion, head.Kind).GroupKind()
}

func writeReview(w http.ResponseWriter, review conversionReview, logger klog.Logger) {
	body, err := json.Marshal(review)
	if err != nil {
		logger.Error(err, "Cannot encode the response; this is a bug")
		http.Error(w, "the response cannot be encoded", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if _, err := w.Write(body); err != nil { // #nosec G705 -- JSON, and its type is said.
		logger.V(2).Info("The caller went away before its answer", "err", err)
	}
}
