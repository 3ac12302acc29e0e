// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

func namespace(name string, labels map[string]string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
}

func TestPodSecurityRules(t *testing.T) {
	const params = `
level: baseline
version: latest
rules:
- namespaceSelector: {matchLabels: {tier: system}}
  level: privileged
- namespaceSelector: {matchExpressions: [{key: tier, operator: Exists}]}
  level: restricted
  version: v1.0
`
	cluster := func(labels map[string]string) []client.Object { return []client.Object{namespace("shop", labels)} }
	const plain, root = `{containers: [{name: a}]}`, `{hostPID: true, containers: [{name: a}]}`
	host := []string{"spec: host namespaces (hostPID=true)"}
	nonRoot := []string{`spec.containers[0]: runAsNonRoot != true (pod or container "a" must set securityContext.runAsNonRoot=true)`}
	testRows(t, "podSecurity", map[string]row{
		"no rule, plain":      {params: params, cluster: cluster(nil), object: podSpec(plain)},
		"no rule, privileged": {params: params, cluster: cluster(nil), object: podSpec(root), want: host},
		"the first rule":      {params: params, cluster: cluster(map[string]string{"tier": "system"}), object: podSpec(root)},
		// In v1.0 of the standards nothing was said of seccomp or capabilities.
		"the second rule":          {params: params, cluster: cluster(map[string]string{"tier": "web"}), object: podSpec(plain), want: nonRoot},
		"without rules no cluster": {object: podSpec(root), want: host},
	})
	testInvalid(t, "podSecurity", `{level: strict, version: "1", rules: [{level: x, version: y, namespaceSelector: {matchExpressions: [{key: a, operator: B}]}}]}`,
		"p.level", "p.version", "p.rules[0].level", "p.rules[0].version", "p.rules[0].namespaceSelector.matchExpressions[0].operator")
	testInvalid(t, "podSecurity", `{rules: [{level: baseline, namespaceSelector: {}}]}`)
}

// late is a cache that hears of its objects after a while.
type late struct {
	memory
	heard atomic.Bool
}

// Get implements [client.Reader].
func (l *late) Get(ctx context.Context, key client.ObjectKey, into client.Object, opts ...client.GetOption) error {
	if !l.heard.Load() {
		return memory{}.Get(ctx, key, into, opts...)
	}
	return l.memory.Get(ctx, key, into, opts...)
}

// The first Pod of a namespace may be asked about before the cache has heard of the namespace.
func TestNamespaceThatIsLate(t *testing.T) {
	tests := map[string]struct {
		after, timeout time.Duration
		offline        bool
		wait           time.Duration
		err            string
	}{
		"at once":         {},
		"a moment later":  {after: 300 * time.Millisecond, wait: 300 * time.Millisecond},
		"too late":        {after: time.Hour, wait: cachePatience, err: `namespace "shop"; try again`},
		"past a deadline": {after: time.Hour, timeout: time.Second, wait: time.Second, err: "try again"},
		"never, offline":  {after: time.Hour, offline: true, err: "try again"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cache := &late{memory: memory{namespace("shop", map[string]string{"tier": "a"})}}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tt.timeout > 0 {
					ctx, cancel = context.WithTimeout(ctx, tt.timeout)
					defer cancel()
				}
				timer := time.AfterFunc(tt.after, func() { cache.heard.Store(true) })
				defer timer.Stop()
				synctest.Wait()
				start := time.Now()
				got, err := namespaceLabels(ctx, handler.Environment{Cluster: cache, Offline: tt.offline}, "shop")
				if waited := time.Since(start); waited != tt.wait {
					t.Errorf("waited for %s, want %s", waited, tt.wait)
				}
				if tt.err == "" && (err != nil || got["tier"] != "a") || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
					t.Errorf("got %v, %v; want %q", got, err, tt.err)
				}
			})
		})
	}
}

// Nobody is asked about anything without rules, however late the cache is.
func TestPodSecurityRefusesWhatItCannotTell(t *testing.T) {
	check := built(t, definition(t, "podSecurity"), `rules: [{namespaceSelector: {}, level: privileged}]`)
	got := answer(t, check, requestOf(t, admissionv1.Create, podSpec(`{}`)))
	if got.Allowed || got.Result.Code != 500 || !strings.Contains(got.Result.Message, `labels of namespace "shop"`) {
		t.Errorf("got %+v", got)
	}
}
