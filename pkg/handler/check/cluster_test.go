// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"strings"
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

// asked is a cluster of nothing that counts how often it is asked.
type asked struct {
	memory
	times int
}

// Get implements [client.Reader].
func (a *asked) Get(ctx context.Context, key client.ObjectKey, into client.Object, opts ...client.GetOption) error {
	a.times++
	return a.memory.Get(ctx, key, into, opts...)
}

// The reader waits for a Namespace that is late, by itself; a check that waits as well makes it twice as long.
func TestNamespaceThatIsLateIsAskedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster, start := &asked{}, time.Now()
		_, err := namespaceLabels(t.Context(), handler.Environment{Cluster: cluster}, "shop")
		if err == nil || !strings.Contains(err.Error(), `namespace "shop"; try again`) {
			t.Errorf("got %v", err)
		}
		if waited := time.Since(start); cluster.times != 1 || waited > 0 {
			t.Errorf("asked %d times, and waited for %s", cluster.times, waited)
		}
	})
}

// No one is asked about anything without rules, however late the cache is.
func TestPodSecurityRefusesWhatItCannotTell(t *testing.T) {
	check := built(t, definition(t, "podSecurity"), `rules: [{namespaceSelector: {}, level: privileged}]`)
	got := answer(t, check, requestOf(t, admissionv1.Create, podSpec(`{}`)))
	if got.Allowed || got.Result.Code != 500 || !strings.Contains(got.Result.Message, `labels of namespace "shop"`) {
		t.Errorf("got %+v", got)
	}
}
