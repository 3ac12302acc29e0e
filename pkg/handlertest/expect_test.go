// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handlertest_test

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handlertest"
)

const (
	ownedPod = "{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop, labels: {owner: a}}, spec: {nodeName: x}}"
	barePod  = "{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop}}"
)

// ownerHandler denies Pods without an owner, moves Pods off their nodes and warns with a text.
func ownerHandler(t *testing.T, warning string) *handler.Handler {
	t.Helper()
	owner := handler.CheckFor("owner", func(_ context.Context, _ *handler.Request, pod *corev1.Pod) []handler.Violation {
		if pod.Labels["owner"] != "" {
			return nil
		}
		return []handler.Violation{{Field: "metadata.labels[owner]", Message: "is missing"}}
	})
	advice := handler.CheckFor("advice", func(context.Context, *handler.Request, *corev1.Pod) []handler.Violation {
		if warning == "" {
			return nil
		}
		return []handler.Violation{{Message: warning}}
	})
	node := handler.MutateFor("node", func(_ context.Context, _ *handler.Request, pod *corev1.Pod) error {
		switch pod.Spec.NodeName {
		case "x":
			pod.Spec.NodeName, pod.Spec.SchedulerName = "", "mine"
		case "again":
			pod.Spec.SchedulerName += "!"
		}
		return nil
	})
	h, err := handler.New(handler.Options{Entries: []handler.Entry{
		{Check: owner, Exempt: handler.Exemptions{Namespaces: []string{"free"}}}, {Check: advice, Mode: handler.Warn}, {Mutation: node}}})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestExpect(t *testing.T) {
	const missing = "deny: owner: metadata.labels[owner]: is missing"
	for name, tt := range map[string]struct {
		manifest, warning string
		want              []string
		says              string // what is wrong; nothing if empty
	}{
		"a good one":                {ownedPod, "", []string{"- spec.nodeName", `+ spec.schedulerName: "mine"`}, ""},
		"a denial":                  {barePod, "", []string{missing}, ""},
		"a warning":                 {barePod, "look", []string{missing, "warn: advice: look"}, ""},
		"an update that takes away": {ownedPod + "\n---\n" + barePod, "", []string{missing}, ""},
		"an update of what was so":  {barePod + "\n---\n" + barePod, "", nil, ""},
		"an exemption":              {strings.ReplaceAll(barePod, "shop", "free"), "", []string{"exempt: owner: namespace: free"}, ""},
		"documents of comments":     {"# a\n---\n" + barePod + "\n---\n# b\n", "", []string{missing}, ""},
		"a byte order mark":         {"\ufeff# a\n---\n" + barePod, "", []string{missing}, ""},
		"a Namespace is in itself": {"{apiVersion: v1, kind: Namespace, metadata: {name: free}}", "",
			[]string{"exempt: owner: namespace: free"}, ""},
		"a Namespace is in no other":     {"{apiVersion: v1, kind: Namespace, metadata: {name: web, namespace: free}}", "", nil, ""},
		"a denial that is not expected":  {barePod, "", nil, missing},
		"a denial that does not come":    {"{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}", "", []string{missing}, missing},
		"a change that is not expected":  {ownedPod, "", nil, "spec.nodeName"},
		"a warning that is too long":     {barePod, strings.Repeat("ü", 113), []string{missing, "warn: advice: " + strings.Repeat("ü", 113)}, "a warning of 121 characters"},
		"a warning that is long enough":  {barePod, strings.Repeat("ü", 112), []string{missing, "warn: advice: " + strings.Repeat("ü", 112)}, ""},
		"a mutation that changes itself": {strings.ReplaceAll(ownedPod, "nodeName: x", "nodeName: again"), "", []string{`+ spec.schedulerName: "!"`}, "the mutations change spec.schedulerName"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &recorder{TB: t}
			handlertest.Expect(r, ownerHandler(t, tt.warning), tt.manifest, tt.want...)
			said := strings.Join(r.said, "\n")
			if tt.says == "" && said != "" || !strings.Contains(said, tt.says) {
				t.Errorf("got %q, want %q", said, tt.says)
			}
		})
	}
}
