// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handlertest

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
)

// fatal is a test that ends at its first error.
type fatal struct {
	testing.TB
	said string
}

func (*fatal) Helper() {}

func (f *fatal) Fatalf(format string, args ...any) {
	f.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// A line that no object can have is an error before anything is sent, and not a test that passes.
func TestServerKnowsTheLines(t *testing.T) {
	for _, line := range []string{"warning: owner: is missing", "Deny: owner: is missing", "off: owner: is missing", "+a: 1", ""} {
		f := &fatal{TB: t}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			server{config: &rest.Config{}}.expect(f, pod, []string{line})
		}()
		<-ended
		if !strings.HasPrefix(f.said, fmt.Sprintf("%q says nothing", line)) {
			t.Errorf("%q: got %q", line, f.said)
		}
	}
	lines := []string{"+ a: 1", "~ a: 1", "- a", "deny: a: b", "denyWhenClean: a: b", "apply: a: b", "warn: a: b", "audit: a: b", "exempt: a: b"}
	if i := slices.IndexFunc(lines, isNoLine); i >= 0 {
		t.Errorf("%q is a line", lines[i])
	}
}
