// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"fmt"
	"net/http"
)

// refusal is why a review was not judged. Users read the message.
type refusal struct {
	code    int
	message string
	retry   bool // it is worth trying again
	allowed bool // it is none: there is nothing to judge
}

func refuse(code int, format string, args ...any) *refusal {
	return &refusal{code: code, message: fmt.Sprintf(format, args...)}
}

// write answers what is no review. An API server would take that for the failure of the webhook, and lets the object in
// if the webhook's failurePolicy is Ignore.
func (f *refusal) write(w http.ResponseWriter) {
	if f.code == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", http.MethodPost)
	}
	if f.retry {
		w.Header().Set("Retry-After", "1")
	}
	http.Error(w, f.message, f.code)
}
