// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handlertest

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
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
	for _, line := range []string{"warning: owner: is missing", "Deny: owner: is missing", "off: owner: is missing", "+a: 1", "", "+", "- ", "deny:"} {
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

// A warning is the one that is wanted without the middle, if it is long.
func TestServerWarnings(t *testing.T) {
	long := "owner: metadata.annotations[example.com/owner]: would be set to " + strings.Repeat("é", 100) + ", which is too long"
	runes := []rune(long)
	short := string(runes[:40]) + "…" + string(runes[len(runes)-79:])
	for text, want := range map[string]bool{
		long: true, short: true, "": false, "…": false, short[1:]: false, "O" + short[1:]: false, short[:len(short)-1] + "!": false,
	} {
		told := &warnings{texts: []string{"another", text}}
		if got := told.has("warn: " + long); got != want {
			t.Errorf("%q: got %t", text, got)
		}
	}
	if told := (&warnings{texts: []string{"owner failed: a"}}); !told.has("warn: owner: failed: a") || told.has("warn: owner: a") {
		t.Error("a failure is not told from another warning")
	}
}

// What a document changes is changed in what the API server has made of the one before, whatever that is: with its own
// defaults, and what mutations have added.
func TestServerUpdate(t *testing.T) {
	for name, tt := range map[string]struct {
		kind           schema.GroupVersionKind
		from, to, want string
	}{
		"a container beside one that is added": {
			corev1.SchemeGroupVersion.WithKind("Pod"),
			`{"spec":{"containers":[{"name":"a","image":"b"}]}}`, `{"spec":{"containers":[{"name":"a","image":"c"}]}}`,
			`{"spec":{"$setElementOrder/containers":[{"name":"a"}],"containers":[{"image":"c","name":"a"}]}}`,
		},
		"a port, by its number": {
			corev1.SchemeGroupVersion.WithKind("Service"), `{"spec":{"ports":[{"port":80}]}}`, `{"spec":{"ports":[{"port":81}]}}`,
			`{"spec":{"$setElementOrder/ports":[{"port":81}],"ports":[{"port":81},{"$patch":"delete","port":80}]}}`,
		},
		"an item of a custom resource": {
			schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Box"}, `{"l":[{"name":"del"},{"name":"a","v":1}]}`,
			`{"l":[{"name":"del"},{"name":"a","v":2}],"n":1}`, `{"l":[{"name":"del"},{"name":"a","v":2}],"n":1}`,
		},
	} {
		if _, got := update(t, tt.kind, []byte(tt.from), []byte(tt.to)); string(got) != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
}
