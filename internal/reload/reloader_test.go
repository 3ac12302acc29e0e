// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package reload

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

const (
	head  = "apiVersion: hookstrap.dev/v1alpha1\nkind: CheckConfiguration\n"
	deny  = head + "checks: {say: {text: bad}}\n"
	other = head + "checks: {say: {text: never}}\n"
	warn  = head + "checks: {say: {text: bad, mode: warn}}\n"
	wrong = head + "checks: {say: {txet: no}}\n"
	looks = head + "checks: {say: {text: seen, look: true}}\n"
)

type words struct {
	Text string `json:"text"`
	Look bool   `json:"look,omitempty"`
}

// ReadsCluster implements [handler.Reader].
func (w words) ReadsCluster() bool { return w.Look }

type say struct {
	words
	env handler.Environment
}

func (say) Name() string { return "say" }

func (s say) Evaluate(ctx context.Context, _ *handler.Request) ([]handler.Violation, error) {
	if s.Look {
		if err := s.env.Cluster.Get(ctx, client.ObjectKey{Name: "x"}, &corev1.Namespace{}); err != nil {
			return nil, err
		}
	}
	return []handler.Violation{{Message: s.Text}}, nil
}

func definitions() []handler.Definition {
	return []handler.Definition{handler.Define("say", handler.Doc{}, func() words { return words{Text: "by default"} },
		func(w words, env handler.Environment) (handler.Check, error) { return say{w, env}, nil }, &corev1.Namespace{},
	).WithDefaultMode(handler.Deny)}
}

// fakeCluster can be read once synced is closed.
type fakeCluster struct {
	synced  chan struct{}
	held    []client.Object
	asked   int
	refuses error
}

func (c *fakeCluster) Add(ctx context.Context, _ ...client.Object) error {
	c.asked++
	if c.refuses != nil {
		return c.refuses
	}
	select {
	case <-c.synced:
		return nil
	case <-ctx.Done():
		return errors.New("not synced")
	}
}

func (c *fakeCluster) Keep(types ...client.Object) { c.held = types }

func (c *fakeCluster) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	select {
	case <-c.synced:
		return nil
	default:
		return errors.New("cannot be read yet")
	}
}

func (c *fakeCluster) List(context.Context, client.ObjectList, ...client.ListOption) error {
	return nil
}

// site is a Reloader at work, in a bubble of synctest.
type site struct {
	*Reloader
	t        *testing.T
	path     string
	cluster  *fakeCluster
	registry *prometheus.Registry
	handler  *handler.Handler
	changed  func()
	told     []string
	over     []string // the hashes that were told to be in use after something was told
}

// start runs a Reloader on a file with that content.
func start(t *testing.T, content string, change ...func(*Options)) *site {
	t.Helper()
	s := &site{t: t, path: filepath.Join(t.TempDir(), "checks.yaml"), registry: prometheus.NewRegistry(),
		cluster: &fakeCluster{synced: make(chan struct{})}}
	s.write(content)
	first, err := config.Load(s.path, definitions())
	must(t, err)
	s.handler, err = handler.New(handler.Options{})
	must(t, err)
	options := Options{
		Path: s.path, Definitions: definitions(), First: first, Handler: s.handler, Cluster: s.cluster, Registerer: s.registry,
		Watch: func(ctx context.Context, _ string, changed func()) {
			s.changed = changed
			<-ctx.Done()
		},
		OnError:     func(_ context.Context, err error) { s.told = append(s.told, err.Error()) },
		OnRecovered: func(_ context.Context, hash string) { s.over = append(s.over, hash) },
	}
	for _, edit := range change {
		edit(&options)
	}
	s.Reloader, err = New(options)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		must(t, <-done)
	})
	synctest.Wait()
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *site) write(content string) {
	s.t.Helper()
	must(s.t, os.WriteFile(s.path, []byte(content), 0o600))
}

// change writes the file and tells of it.
func (s *site) change(content string) {
	s.t.Helper()
	s.write(content)
	s.changed()
	synctest.Wait()
}

// want compares what the check says of a request, and whether the latest file is said to be in use.
func (s *site) want(says string, successful float64) {
	s.t.Helper()
	verdict := s.handler.Judge(s.t.Context(), handler.NewRequest(admissionv1.AdmissionRequest{Operation: admissionv1.Create}))
	var got []string
	for _, f := range verdict.Findings {
		got = append(got, string(f.Mode)+" "+f.Text())
	}
	if text := strings.Join(got, ", "); text != says {
		s.t.Errorf("the check says %q, want %q", text, says)
	}
	if got := testutil.ToFloat64(s.metrics.successful); got != successful {
		s.t.Errorf("successful is %v, want %v", got, successful)
	}
	if err := s.Refused(); err != nil && successful == 1 {
		s.t.Errorf("the file is refused for %v, with successful %v", err, successful)
	}
}

func TestGoodFilesAreUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, deny)
		s.want("deny bad", 1)
		s.change(warn)
		s.want("warn bad", 1)
		s.change(other)
		s.want("deny never", 1)
		if n := testutil.CollectAndCount(s.metrics.info); n != 1 {
			t.Errorf("%d hashes, want the one in use", n)
		}
		if problems, err := testutil.GatherAndLint(s.registry); err != nil || len(problems) > 0 {
			t.Errorf("lint: %v, %v", problems, err)
		}
		must(t, s.Ready(t.Context()))
	})
}

func TestBadFilesChangeNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, deny)
		for range 3 {
			s.change(wrong)
			s.want("deny bad", 0)
			if err := s.Refused(); err == nil || !strings.Contains(err.Error(), "txet") {
				t.Errorf("the file is refused for %v", err)
			}
		}
		if len(s.told) != 1 || !strings.Contains(s.told[0], `line 3: unknown field "checks.say.txet"`) {
			t.Errorf("told %q, want it once", s.told)
		}
		must(t, os.Remove(s.path))
		s.changed()
		synctest.Wait()
		s.want("deny bad", 0)
		s.change(deny) // what is in use
		s.want("deny bad", 1)
		s.change(wrong)
		if len(s.told) != 3 {
			t.Errorf("told %q, want it once more", s.told)
		}
		s.change(warn)
		s.want("warn bad", 1)
	})
}

// Who was told of a bad file is told when it is over, once, and no one else is.
func TestRecoveryIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, deny)
		s.change(warn)
		if len(s.over) > 0 {
			t.Errorf("told of %q, and nothing was wrong", s.over)
		}
		s.change(wrong)
		s.change(wrong + "\n")
		if len(s.over) > 0 {
			t.Errorf("told of %q, and it is not over", s.over)
		}
		s.change(deny)
		s.change(warn)
		wait(t)
		if len(s.over) != 1 {
			t.Errorf("told %d times that it is over", len(s.over))
		}
		s.change(wrong)
		s.change(warn) // what has been in use all the time
		if len(s.over) != 2 || s.over[0] == s.over[1] || s.over[1] != s.hash {
			t.Errorf("told of %q, in use is %s", s.over, s.hash)
		}
	})
}

// A notification can be lost.
func TestChangeIsNoticedWithoutNotification(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, deny)
		s.write(warn)
		wait(t)
		s.want("warn bad", 1)
	})
}

// wait lets more than the time pass after which the file is read again.
func wait(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), again+syncTimeout+1)
	defer cancel()
	<-ctx.Done()
	synctest.Wait()
}

// Checks that read the cluster are not used before it can be read, and until then what was there stays.
func TestChecksWaitForWhatTheyRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, deny)
		s.change(looks)
		s.want("deny bad", 1)
		wait(t)
		s.want("deny bad", 0)
		if len(s.told) != 1 {
			t.Errorf("told %q, want that it is not synced", s.told)
		}
		close(s.cluster.synced)
		wait(t)
		s.want("deny seen", 1)
		if len(s.cluster.held) != 1 {
			t.Errorf("%v is held", s.cluster.held)
		}
		s.change(deny)
		if len(s.cluster.held) != 0 {
			t.Errorf("%v is held, and nobody needs it", s.cluster.held)
		}
	})
}

// A file that has changed once more is not waited for.
func TestWaitingEndsWithTheNextChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, deny)
		s.change(looks)
		s.change(other)
		s.want("deny never", 1)
		if len(s.told) > 0 {
			t.Errorf("told %q", s.told)
		}
	})
}

// At the start there is nothing good to keep: the checks refuse until they can tell, and the server is not ready.
func TestStartWithChecksThatRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, looks)
		if s.Ready(t.Context()) == nil {
			t.Error("ready")
		}
		s.want("deny failed: cannot be read yet", 0)
		close(s.cluster.synced)
		synctest.Wait()
		s.want("deny seen", 1)
		must(t, s.Ready(t.Context()))
	})
}

func TestWithoutAFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, err := handler.New(handler.Options{})
		must(t, err)
		r, err := New(Options{Definitions: definitions(), First: config.Default(definitions()), Handler: h, Cluster: &fakeCluster{}})
		must(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		synctest.Wait()
		if v := h.Judge(ctx, handler.NewRequest(admissionv1.AdmissionRequest{Operation: admissionv1.Create})); v.Allowed() {
			t.Errorf("got %+v", v)
		}
		cancel()
		must(t, <-done)
	})
}

func TestMetricsNameTaken(t *testing.T) {
	registry := prometheus.NewRegistry()
	h, err := handler.New(handler.Options{})
	must(t, err)
	o := Options{Handler: h, Registerer: registry, Cluster: &fakeCluster{}}
	_, err = New(o)
	must(t, err)
	if _, err := New(o); err == nil {
		t.Error("two Reloaders share a registry")
	}
}

// What a configuration needed that never came into use is let go of when the file says again what is in use.
func TestRevertedFileLetsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, looks)
		close(s.cluster.synced)
		synctest.Wait()
		s.cluster.refuses = errors.New("forbidden")
		s.write(strings.Replace(looks, "seen", "other", 1))
		s.changed()
		synctest.Wait()
		s.cluster.held = nil
		s.write(looks)
		s.changed()
		synctest.Wait()
		if len(s.cluster.held) != 1 {
			t.Errorf("held %v", s.cluster.held)
		}
	})
}

// nowhere is a Cleanliness of which no namespace is clean.
type nowhere struct{}

func (nowhere) Clean(string, string, string) bool { return false }

// Who has to know which configuration is in use is told, of the first one too, and of none that is refused.
func TestUseIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var modes []handler.Mode
		s := start(t, deny, func(o *Options) {
			o.Clean = nowhere{}
			o.OnUse = func(c config.Configuration) { modes = append(modes, c.Check("say").Mode) }
		})
		s.change("garbage")
		s.change(strings.Replace(warn, "mode: warn", "mode: denyWhenClean", 1))
		s.want("denyWhenClean bad", 1)
		if want := []handler.Mode{handler.Deny, handler.Deny, handler.DenyWhenClean}; !slices.Equal(modes, want) {
			t.Errorf("told of %q, want %q", modes, want)
		}
	})
}
