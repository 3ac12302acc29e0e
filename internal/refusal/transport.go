// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package refusal

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
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
	body, err := io.ReadAll(io.LimitReader(resp.Body, longestAnswer))
	rest := io.MultiReader(bytes.NewReader(body), resp.Body)
	if err == nil && len(body) < longestAnswer {
		rest = bytes.NewReader(body)
		if noted := w.note(req, body); noted != nil {
			rest = bytes.NewReader(noted)
			resp.ContentLength = int64(len(noted))
			resp.Header.Set("Content-Length", strconv.Itoa(len(noted)))
			resp.Header.Set("Content-Type", runtime.ContentTypeJSON)
		}
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{rest, resp.Body}
	return resp, nil
}

// note returns the answer as JSON, with what is known about the refusal; nil if it is not one that the API server
// sends, or nothing is known. It may have come as Protocol Buffers.
func (w *watched) note(req *http.Request, body []byte) []byte {
	answer, _, err := scheme.Codecs.UniversalDeserializer().Decode(body, nil, nil)
	status, ok := answer.(*metav1.Status)
	if err != nil || !ok {
		return nil
	}
	status.TypeMeta = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"} // Decoding takes it away.
	refused := Of(&apierrors.StatusError{ErrStatus: *status})
	switch refused.Kind {
	case Credentials:
		add(status, noteCredentials, describeCredentials(req, w.plain, time.Now()))
	case Rule:
		missing, names := w.rights.missing(req.Context(), w.plain, refused, claimsOf(req).Subject)
		add(status, noteMissing, missing)
		add(status, noteNames, names)
	default:
		return nil
	}
	noted, err := json.Marshal(status)
	if err != nil {
		return nil
	}
	return noted
}

// add notes text, unless there is none or a note of that kind.
func add(status *metav1.Status, kind metav1.CauseType, text string) {
	if text == "" || caused(*status, kind) {
		return
	}
	if status.Details == nil {
		status.Details = &metav1.StatusDetails{}
	}
	status.Details.Causes = append(status.Details.Causes, metav1.StatusCause{Type: kind, Message: text})
}
