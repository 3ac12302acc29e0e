// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

var (
	imageViolation = Violation{Field: "spec.containers[0].image", Message: `image "nginx" has no tag`}
	hostViolation  = Violation{Field: "spec.hostNetwork", Message: "must not be true"}
	wholeViolation = Violation{Message: "no Pods on Fridays"}
)

func TestDenial(t *testing.T) {
	h := newHandler(t,
		Entry{Check: says("advice", hostViolation), Mode: Warn},
		Entry{Check: says("images", imageViolation, wholeViolation)},
		Entry{Check: says("silent")},
		Entry{Check: says("hosts", hostViolation)},
		Entry{Check: fails("broken", errors.New("no idea"))},
		Entry{Check: says("ledger", hostViolation), Mode: Audit},
	)
	got := ask(t.Context(), t, h, createPod(t, webPod()))
	want := &metav1.Status{
		Status: metav1.StatusFailure, Code: 403, Reason: metav1.StatusReasonForbidden,
		Message: `Pod "web" in namespace "shop" denied by 2 checks: ` +
			`images: spec.containers[0].image: image "nginx" has no tag` + "\nimages: no Pods on Fridays\n" +
			"hosts: spec.hostNetwork: must not be true\n" + `check "broken" failed: no idea`,
		Details: &metav1.StatusDetails{Name: "web", Kind: "pods", Causes: []metav1.StatusCause{
			{Type: metav1.CauseTypeForbidden, Field: imageViolation.Field, Message: `images: image "nginx" has no tag`},
			{Type: metav1.CauseTypeForbidden, Message: "images: no Pods on Fridays"},
			{Type: metav1.CauseTypeForbidden, Field: hostViolation.Field, Message: "hosts: must not be true"},
		}},
	}
	if diff := cmp.Diff(want, got.Result); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if len(got.Warnings) > 0 {
		t.Errorf("who is denied is warned as well: %q", got.Warnings)
	}
	annotations := map[string]string{"ledger": "spec.hostNetwork: must not be true"}
	if diff := cmp.Diff(annotations, got.AuditAnnotations); diff != "" {
		t.Errorf("audit annotations (-want +got):\n%s", diff)
	}
}

func TestWarningsAndAnnotations(t *testing.T) {
	h := newHandler(t,
		Entry{Check: says("images", imageViolation, wholeViolation), Mode: Warn},
		Entry{Check: fails("broken", errors.New("no\nidea")), Mode: Warn},
		Entry{Check: says("ledger", hostViolation, wholeViolation), Mode: Audit},
		Entry{Check: fails("brokenLedger", errors.New("no\tidea")), Mode: Audit},
		Entry{Check: says("forgotten", hostViolation), Mode: Off},
	)
	got := ask(t.Context(), t, h, createPod(t, webPod()))
	if !got.Allowed || got.Result != nil {
		t.Fatalf("got %v", got)
	}
	if diff := cmp.Diff([]string{
		`images: spec.containers[0].image: image "nginx" has no tag`, "images: no Pods on Fridays", "broken failed: no idea",
	}, got.Warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{
		"ledger": "spec.hostNetwork: must not be true; no Pods on Fridays", "brokenLedger": "failed: no idea",
	}, got.AuditAnnotations); diff != "" {
		t.Errorf("audit annotations (-want +got):\n%s", diff)
	}
	for key := range got.AuditAnnotations {
		// The API server puts the name of the webhook in front, and drops what is then no qualified name.
		if problems := validation.IsQualifiedName("validate.hookstrap.dev/" + key); len(problems) > 0 {
			t.Errorf("annotation %q: %v", key, problems)
		}
	}
}

func TestWarningsFitTheHeader(t *testing.T) {
	nasty := []Violation{
		{Field: "spec", Message: strings.Repeat("é", 5000) + ": do this"},
		{Field: "spec\r\nX-Evil: 1", Message: "a\x00b\u2028c\u202e\x7f\x1b[31m"},
		{Message: "not UTF-8: \xff\xfe"},
	}
	for i := range 100 {
		nasty = append(nasty, Violation{Message: fmt.Sprint("violation ", i)})
	}
	got := ask(t.Context(), t, newHandler(t, Entry{Check: says("w", nasty...), Mode: Warn}), createPod(t, webPod()))
	if len(got.Warnings) != maxWarnings || got.Warnings[maxWarnings-1] != "and 88 more warnings" {
		t.Errorf("got %d warnings, ending in %q", len(got.Warnings), got.Warnings[len(got.Warnings)-1])
	}
	for _, w := range got.Warnings {
		if n := utf8.RuneCountInString(w); n > 120 {
			t.Errorf("%d characters: %q", n, w)
		}
		if strings.ContainsAny(w, "\x00\r\n\t\x7f\x1b\u2028\u202e") || !utf8.ValidString(w) {
			t.Errorf("unclean: %q", w)
		}
	}
	cut := regexp.MustCompile(`^w: spec: é+…é+: do this$`) // It says what it is about, and what to do.
	if !cut.MatchString(got.Warnings[0]) || utf8.RuneCountInString(got.Warnings[0]) != maxWarning || got.Warnings[1] != "w: spec  X-Evil: 1: a b c   [31m" {
		t.Errorf("got %q", got.Warnings[:2])
	}
}

// A Pod of 3 MiB can have that much to complain about; the answer must not grow with it.
func TestAnswerIsOfBoundedSize(t *testing.T) {
	var many []Violation
	for i := range 2000 {
		many = append(many, Violation{Field: fmt.Sprint("f", i), Message: strings.Repeat("x", 5000)})
	}
	h := newHandler(t, Entry{Check: says("deny", many...)}, Entry{Check: says("audit", many...), Mode: Audit})
	got := ask(t.Context(), t, h, createPod(t, webPod()))
	if n := len(got.Result.Message); n > 100_000 || !strings.HasSuffix(got.Result.Message, "and 1950 more violations") {
		t.Errorf("message of %d bytes: …%q", n, got.Result.Message[n-50:])
	}
	causes := got.Result.Details.Causes
	if len(causes) != maxViolations || len(causes[0].Message) > 2*maxViolation {
		t.Errorf("got %d causes", len(causes))
	}
	if n := len(got.AuditAnnotations["audit"]); n > 100_000 {
		t.Errorf("annotation of %d bytes", n)
	}
}

func TestSubject(t *testing.T) {
	deployment := metav1.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}
	tests := map[string]struct {
		name, namespace, subResource string
		kind                         metav1.GroupVersionKind
		object                       any
		want                         string
	}{
		"named":         {name: "web", namespace: "shop", want: `Pod "web" in namespace "shop"`},
		"cluster scope": {name: "web", kind: metav1.GroupVersionKind{Kind: "Node"}, want: `Node "web"`},
		"deployment":    {name: "web", namespace: "shop", kind: deployment, want: `Deployment "web" in namespace "shop"`},
		"subresource": {
			name: "web", namespace: "shop", subResource: "ephemeralcontainers",
			want: `Pod/ephemeralcontainers "web" in namespace "shop"`,
		},
		"generated name": {
			namespace: "shop",
			object:    corev1.Pod{ObjectMeta: metav1.ObjectMeta{GenerateName: "web-7d9f-"}},
			want:      `Pod with generateName "web-7d9f-" in namespace "shop"`,
		},
		"name known by now": {
			namespace: "shop",
			object:    corev1.Pod{ObjectMeta: metav1.ObjectMeta{GenerateName: "web-", Name: "web-x2z"}},
			want:      `Pod "web-x2z" in namespace "shop"`,
		},
		"nameless":   {namespace: "shop", object: corev1.Pod{}, want: `unnamed Pod in namespace "shop"`},
		"unreadable": {namespace: "shop", object: "garbage", want: `unnamed Pod in namespace "shop"`},
		"no object":  {want: `unnamed Pod`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := createPod(t, webPod())
			r.Name, r.Namespace, r.SubResource, r.Object = tt.name, tt.namespace, tt.subResource, raw(t, tt.object)
			if tt.kind.Kind != "" {
				r.Kind = tt.kind
			}
			if got := subject(NewRequest(r)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
