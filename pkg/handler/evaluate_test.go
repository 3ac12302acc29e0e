// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// stuck is a check that ignores its context until it is released.
func stuck(name string, release <-chan struct{}) Check {
	return checkFunc{name, func(context.Context, *Request) ([]Violation, error) {
		<-release
		return nil, nil
	}}
}

// heeding is a check that waits for something, and gives up when its context ends.
func heeding(name string) Check {
	return checkFunc{name, func(ctx context.Context, _ *Request) ([]Violation, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
}

func TestDeadline(t *testing.T) {
	bad := Violation{Message: "bad"}
	tests := map[string]struct {
		entries func(release <-chan struct{}) []Entry
		allowed bool
		code    int32
		message string
		warning string
	}{
		"stuck check is named, and so is who had no turn": {
			entries: func(release <-chan struct{}) []Entry {
				return []Entry{{Check: stuck("slow", release)}, {Check: says("later")}}
			},
			code: http.StatusGatewayTimeout,
			message: `Pod "web" in namespace "shop" not admitted: ` +
				`check "slow" failed: no answer in time (1.8s): make the check faster, or raise timeoutSeconds in the ` +
				"webhook configuration\n" + `check "later" failed: no answer in time: none was left for it`,
		},
		"check that heeds its context": {
			entries: func(<-chan struct{}) []Entry { return []Entry{{Check: heeding("polite")}} },
			code:    http.StatusGatewayTimeout,
			message: `check "polite" failed: no answer in time (1.8s): make`,
		},
		"denial is not lost": {
			entries: func(release <-chan struct{}) []Entry {
				return []Entry{{Check: says("quick", bad)}, {Check: stuck("slow", release)}}
			},
			code:    http.StatusForbidden,
			message: "denied by 1 check: quick: bad\n" + `check "slow" failed`,
		},
		"check that only warns does not stop the others": {
			entries: func(release <-chan struct{}) []Entry {
				return []Entry{{Check: stuck("slow", release), Mode: Warn}, {Check: says("quick", bad)}}
			},
			code:    http.StatusForbidden,
			message: `denied by 1 check: quick: bad`,
		},
		"check that only warns does not deny": {
			entries: func(release <-chan struct{}) []Entry {
				return []Entry{{Check: stuck("slow", release), Mode: Warn}, {Check: says("quick")}}
			},
			allowed: true,
			warning: "slow failed: no answer in time (1.8s)",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				defer close(release)
				h := newHandler(t, tt.entries(release)...)
				start := time.Now()
				got := askWithTimeout(t, h, "2s")
				if took := time.Since(start); took != 1800*time.Millisecond {
					t.Errorf("the answer took %s, want 1.8s of the 2s", took)
				}
				if got.Allowed != tt.allowed {
					t.Fatalf("got %v", got)
				}
				if !tt.allowed && (got.Result.Code != tt.code || !strings.Contains(got.Result.Message, tt.message)) {
					t.Errorf("got %d %q\nwant %d %q", got.Result.Code, got.Result.Message, tt.code, tt.message)
				}
				if tt.allowed && (len(got.Warnings) != 1 || !strings.HasPrefix(got.Warnings[0], tt.warning)) {
					t.Errorf("got warnings %q, want %q", got.Warnings, tt.warning)
				}
			})
		})
	}
}

// A result that comes together with the deadline counts.
func TestCutShortKeepsWhatIsThere(t *testing.T) {
	all, err := compile([]Entry{{Check: says("a")}, {Check: says("b")}, {Check: says("c")}})
	if err != nil {
		t.Fatal(err)
	}
	entries := all.checks
	results := make(chan outcome, 3)
	results <- outcome{entry: entries[1], violations: []Violation{{Message: "bad"}}}
	got := cutShort([]outcome{{entry: entries[0]}}, results, entries)
	if len(got) != 3 || got[1].err != nil || len(got[1].violations) != 1 || !got[2].late {
		t.Errorf("got %+v", got)
	}
	for i, o := range got {
		if o.entry != entries[i] {
			t.Errorf("outcome %d is of check %s", i, o.entry.name)
		}
	}
}

// After the deadline the checks that are left are not begun: no one waits for them.
func TestNoCheckBeginsAfterTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := false
		late := checkFunc{"late", func(context.Context, *Request) ([]Violation, error) {
			begun = true
			return nil, nil
		}}
		release := make(chan struct{})
		h := newHandler(t, Entry{Check: stuck("slow", release)}, Entry{Check: late})
		askWithTimeout(t, h, "1s")
		close(release)
		synctest.Wait()
		if begun {
			t.Error("a check began when its request was answered already")
		}
	})
}

// controller-runtime cancels the context of all requests as soon as the manager stops.
func TestEvaluationSurvivesTheServersShutdown(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	check := checkFunc{"shutdown", func(ctx context.Context, _ *Request) ([]Violation, error) {
		cancel()
		_, hasDeadline := ctx.Deadline()
		if !hasDeadline {
			return nil, errors.New("no deadline")
		}
		return nil, ctx.Err()
	}}
	got := ask(ctx, t, newHandler(t, Entry{Check: check}), createPod(t, webPod()))
	if !got.Allowed {
		t.Errorf("got %v", got.Result)
	}
}

func askWithTimeout(t *testing.T, h http.Handler, timeout string) *admissionv1.AdmissionResponse {
	t.Helper()
	return askAt(t.Context(), t, h, "/validate?timeout="+timeout, createPod(t, webPod()))
}

func TestPanicIsTheChecksFailure(t *testing.T) {
	panics := func(name string, value any) Check {
		return checkFunc{name, func(context.Context, *Request) ([]Violation, error) { panic(value) }}
	}
	tests := map[string]struct {
		entry   Entry
		allowed bool
	}{
		"deny":            {Entry{Check: panics("boom", "secret token 123")}, false},
		"abort handler":   {Entry{Check: panics("boom", http.ErrAbortHandler)}, false},
		"nil":             {Entry{Check: panics("boom", nil)}, false},
		"warn":            {Entry{Check: panics("boom", "x"), Mode: Warn}, true},
		"audit":           {Entry{Check: panics("boom", "x"), Mode: Audit}, true},
		"in the selector": {Entry{Check: selecting{says("boom"), func(*Request) bool { panic("x") }}}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			ctx, log := logged(t)
			got := ask(ctx, t, newHandler(t, tt.entry, Entry{Check: says("fine")}), createPod(t, webPod()))
			if got.Allowed != tt.allowed {
				t.Fatalf("got %v", got)
			}
			want := `Pod "web" in namespace "shop" not admitted: ` +
				`check "boom" failed: it panicked; the webhook's log has the stack`
			if !tt.allowed && (got.Result.Code != http.StatusInternalServerError || got.Result.Message != want) {
				t.Errorf("got %d %q", got.Result.Code, got.Result.Message)
			}
			for _, part := range []string{`check="boom"`, "evaluate_test.go", `uid="705ab4f5`} {
				if !strings.Contains(log(), part) && name != "nil" && name != "in the selector" {
					t.Errorf("%s is not in the log:\n%s", part, log())
				}
			}
		})
	}
}

func TestErrorIsTheChecksFailure(t *testing.T) {
	h := newHandler(t, Entry{Check: fails("registry", errors.New("cannot reach registry.example.com"))})
	got := ask(t.Context(), t, h, createPod(t, webPod()))
	want := `Pod "web" in namespace "shop" not admitted: check "registry" failed: cannot reach registry.example.com`
	if got.Allowed || got.Result.Message != want || got.Result.Reason != metav1.StatusReasonInternalError {
		t.Errorf("got %v", got.Result)
	}
}

// A check that has found something does not lose it to an error, least of all one that admits what it cannot tell.
func TestViolationsBesideAnErrorCount(t *testing.T) {
	check := checkFunc{"half", func(context.Context, *Request) ([]Violation, error) {
		return []Violation{{Message: "bad"}}, errors.New("the rest is unreadable")
	}}
	const both = "half: bad\n" + `check "half" failed: the rest is unreadable`
	tests := map[string]struct {
		entry Entry
		want  string
	}{
		"deny":                  {Entry{}, `Pod "web" in namespace "shop" denied by 1 check: ` + both},
		"deny, admit on errors": {Entry{FailurePolicy: Ignore}, `Pod "web" in namespace "shop" denied by 1 check: half: bad`},
		"warn":                  {Entry{Mode: Warn}, "half: bad|half failed: the rest is unreadable"},
		"audit":                 {Entry{Mode: Audit}, "bad; failed: the rest is unreadable"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.entry.Check = check
			h := newHandler(t, tt.entry)
			response := ask(t.Context(), t, h, createPod(t, webPod()))
			if got := told(response, "half"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			verdict := h.Judge(t.Context(), NewRequest(createPod(t, webPod())))
			if len(verdict.Findings) != 2 || verdict.Allowed() != response.Allowed {
				t.Errorf("got %+v", verdict)
			}
		})
	}
}

func TestUpdates(t *testing.T) {
	// The check wants a team on the Pod, and no container named "bad".
	check := CheckFor("rules", func(_ context.Context, _ *Request, pod *corev1.Pod) []Violation {
		found := requireTeam(pod.Labels)
		for i, c := range pod.Spec.Containers {
			if strings.HasPrefix(c.Name, "bad") {
				found = append(found, Violation{
					Field: "spec.containers[" + string(rune('0'+i)) + "]", Message: c.Name, Identity: c.Name,
				})
			}
		}
		return found
	})
	plain := func(names ...string) *corev1.Pod {
		pod := webPod()
		for _, name := range names {
			pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: name})
		}
		return pod
	}
	owned := func(pod *corev1.Pod) *corev1.Pod {
		pod.Labels = map[string]string{"team": "a"}
		return pod
	}
	tests := map[string]struct {
		from, to    *corev1.Pod
		everyUpdate bool
		denied      string // what the message must end with; empty for allowed
	}{
		"nothing changes":              {from: plain("bad"), to: plain("bad")},
		"one of two violations leaves": {from: plain("bad"), to: owned(plain("bad"))},
		"reordered":                    {from: owned(plain("bad", "x")), to: owned(plain("x", "bad"))},
		"new violation":                {from: owned(plain("x")), to: owned(plain("x", "bad")), denied: "[1]: bad"},
		"only the new one is told": {
			from: plain("bad"), to: plain("bad", "bad2"), denied: "by 1 check: rules: spec.containers[1]: bad2",
		},
		"another in its place": {from: owned(plain("bad")), to: owned(plain("bad2")), denied: "bad2"},
		"label taken off":      {from: owned(plain()), to: plain(), denied: "say which team owns this"},
		"every update counts":  {from: plain(), to: plain(), everyUpdate: true, denied: "say which team owns this"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHandler(t, Entry{Check: check, EveryUpdate: tt.everyUpdate})
			got := ask(t.Context(), t, h, updatePod(t, tt.from, tt.to))
			if got.Allowed != (tt.denied == "") {
				t.Fatalf("got %v", got)
			}
			if !got.Allowed && !strings.HasSuffix(got.Result.Message, tt.denied) {
				t.Errorf("got %q, want ...%q", got.Result.Message, tt.denied)
			}
		})
	}
}

func TestUpdateCountsInFullWhenTheOldObjectCannotBeJudged(t *testing.T) {
	tests := map[string]string{"unreadable": `{"metadata":[]}`, "absent": `null`}
	for name, old := range tests {
		t.Run(name, func(t *testing.T) {
			req := updatePod(t, webPod(), webPod())
			req.OldObject = runtime.RawExtension{Raw: []byte(old)}
			if got := ask(t.Context(), t, newHandler(t, Entry{Check: teamLabel}), req); got.Allowed {
				t.Error("allowed")
			}
		})
	}
}

func TestObjectBeingDeletedIsLeftAlone(t *testing.T) {
	deleted := webPod()
	deleted.DeletionTimestamp, deleted.Finalizers = &metav1.Time{Time: time.Unix(1, 0)}, []string{"example.com/x"}
	h := newHandler(t, Entry{Check: says("no", Violation{Message: "no"}), EveryUpdate: true})
	if got := ask(t.Context(), t, h, updatePod(t, deleted, webPod())); !got.Allowed {
		t.Errorf("the finalizer cannot be taken off: %v", got.Result)
	}
}

// What is being deleted is in force until its finalizers are gone: a way around all checks for who may set one.
func TestObjectBeingDeletedIsStillJudged(t *testing.T) {
	const head = `{"metadata":{"name":"x","finalizers":["a/b"],"deletionTimestamp":"2026-01-01T00:00:00Z"},"subjects":[`
	check := CheckFor("anonymous", func(_ context.Context, _ *Request, b *rbacv1.ClusterRoleBinding) []Violation {
		return []Violation{{Message: b.Subjects[0].Name}}
	})
	req := createPod(t, webPod())
	req.Operation = admissionv1.Update
	req.Kind = metav1.GroupVersionKind(rbacv1.SchemeGroupVersion.WithKind("ClusterRoleBinding"))
	req.OldObject.Raw = []byte(head + `{"kind":"User","name":"jane"}]}`)
	req.Object.Raw = []byte(head + `{"kind":"User","name":"system:anonymous"}]}`)
	if got := ask(t.Context(), t, newHandler(t, Entry{Check: check}), req); got.Allowed {
		t.Error("allowed")
	}
}
