// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package refusal

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// longestAnswer bounds what is read of a refusal, in bytes.
const longestAnswer = 1 << 20

// Watch has every client of cfg note on a refusal what only the client knows: which credentials it sent, and, if rights
// are given, which of them are missing. [Advice] finds it there, wherever the error is explained. A request that is not
// refused costs nothing. It wraps the transport of cfg, which is not to be copied to be watched again.
func Watch(cfg *rest.Config, rights *Rights) {
	plain := rest.CopyConfig(cfg)
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return &watched{next: next, plain: plain, rights: rights}
	})
}

type watched struct {
	next   http.RoundTripper
	plain  *rest.Config
	rights *Rights
}

// RoundTrip implements [http.RoundTripper].
func (w *watched) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := w.next.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusUnauthorized && resp.StatusCode != http.StatusForbidden {
		return resp, err
	}
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return resp, nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, longestAnswer))
	rest := io.MultiReader(bytes.NewReader(body), resp.Body)
	if err == nil && len(body) < longestAnswer {
		noted := w.note(req, body)
		resp.ContentLength = int64(len(noted))
		resp.Header.Set("Content-Length", strconv.Itoa(len(noted)))
		rest = bytes.NewReader(noted)
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{rest, resp.Body}
	return resp, nil
}

// note returns the body with what is known about the refusal, or as it is if it is not what the API server sends.
func (w *watched) note(req *http.Request, body []byte) []byte {
	status := &metav1.Status{}
	if err := json.Unmarshal(body, status); err != nil || status.Kind != "Status" {
		return body
	}
	refused := Of(&apierrors.StatusError{ErrStatus: *status})
	switch refused.Kind {
	case Credentials:
		add(status, noteCredentials, describeCredentials(req, w.plain, time.Now()))
	case Rule:
		missing, names := w.rights.missing(req.Context(), w.plain, refused, claimsOf(req).Subject)
		add(status, noteMissing, missing)
		add(status, noteNames, names)
	default:
		return body
	}
	noted, err := json.Marshal(status)
	return errOr(body, noted, err)
}

func errOr(fallback, value []byte, err error) []byte {
	if err != nil {
		return fallback
	}
	return value
}

// add notes text, unless there is none or a note of that kind.
func add(status *metav1.Status, kind metav1.CauseType, text string) {
	if status.Details == nil {
		status.Details = &metav1.StatusDetails{}
	}
	already := func(cause metav1.StatusCause) bool { return cause.Type == kind }
	if text == "" || slices.ContainsFunc(status.Details.Causes, already) {
		return
	}
	status.Details.Causes = append(status.Details.Causes, metav1.StatusCause{Type: kind, Message: text})
}
