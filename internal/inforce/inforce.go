// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package inforce has the entries of a webhook configuration come into force once the API server can call a replica,
// and not before, so that an install that never starts blocks no Pods.
//
// Each entry has a matchCondition that asks the API server's authorizer for a right which no other user asks for: see
// [Subject]. A ClusterRole has the right, and the ClusterRoleBinding to it is installed without subjects, so that the
// entry matches no request. [Run] adds the subject once, and nothing here takes it away again.
package inforce

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/follow"
	"github.com/hookstrap/hookstrap/internal/refusal"
	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/timing"
)

// Settle is for how long the server has to be callable first. The kubelet learns from a probe that the Pod is ready,
// and the endpoints and kube-proxy learn it from the kubelet, which takes a second or two: the API server reaches no
// replica through the Service until then.
const Settle = 10 * time.Second

const (
	lookEvery = time.Second // whether the server is callable
	idle      = time.Hour   // until a change
	manager   = "hookstrap"
)

// Subject is whose right the matchConditions ask for: a ServiceAccount that does not exist, so that the right is of no
// use to any client.
func Subject() rbacv1.Subject {
	return rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: "hookstrap", Name: "in-force"}
}

// Options say what to put in force.
type Options struct {
	// Client needs the verbs list, watch and patch on the ClusterRoleBinding, and bind on its ClusterRole.
	Client dynamic.Interface
	// Binding is the name of the ClusterRoleBinding.
	Binding string
	// Callable returns nil while the API server can call this server.
	Callable func(context.Context) error
	// Report is told whether the entries are in force.
	Report *report.InForce
}

// Run adds the subject to the binding when the server has been callable for [Settle], and again whenever it is not
// there, until ctx ends; then it returns ctx's error. Where another client takes it away again and again, that slows
// down, and the entries are in force once the subject has stayed for a minute. A binding that does not exist is not
// created: to delete it is how to switch the entries off. Of many replicas any one may write, since all write the same.
func Run(ctx context.Context, o Options) error {
	k := &keeper{Options: o, changed: timing.NewSignal()}
	ctx = klog.NewContext(ctx, klog.FromContext(ctx).WithName("inforce"))
	var following sync.WaitGroup
	defer following.Wait()
	following.Go(func() { k.follow(ctx) })
	for {
		if _, err := timing.SleepOr(ctx, k.step(ctx), k.changed); err != nil {
			return err
		}
	}
}

// keeper follows the binding. Its fields below mu belong to the goroutine of Run alone.
type keeper struct {
	Options
	changed timing.Signal

	mu      sync.Mutex
	known   bool // whether the API server has answered
	binding *unstructured.Unstructured
	unread  error

	since time.Time                  // since when the server is callable
	pace  timing.Pace                // of writes
	right *unstructured.Unstructured // the last binding that had our subject: if there is one, another client took it away
}

func resource() schema.GroupVersionResource {
	return rbacv1.SchemeGroupVersion.WithResource("clusterrolebindings")
}

func (k *keeper) follow(ctx context.Context) {
	follow.Run(ctx, follow.Options{
		Name: "clusterrolebinding/" + k.Binding, Resource: k.Client.Resource(resource()),
		Selector: follow.ByName(k.Binding), Kind: rbacv1.SchemeGroupVersion.WithKind("ClusterRoleBinding"),
		Store: &follow.Objects{Changed: func(objects []*unstructured.Unstructured) {
			var binding *unstructured.Unstructured
			if len(objects) > 0 {
				binding = objects[0]
			}
			k.set(func() { k.known, k.binding = true, binding })
		}},
		Report: func(err error) { k.set(func() { k.unread = err }) },
	})
}

func (k *keeper) set(change func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change()
	k.changed.Set()
}

// step does what has to be done now, and returns how long to wait before the next one unless something changes.
func (k *keeper) step(ctx context.Context) time.Duration {
	k.mu.Lock()
	known, binding, unread := k.known, k.binding, k.unread
	k.mu.Unlock()
	switch {
	case !known && unread == nil:
		return idle
	case !known:
		k.Report.Failed(ctx, k.unreadable(unread))
		return idle
	case binding == nil:
		k.Report.Failed(ctx, fmt.Errorf("ClusterRoleBinding %q does not exist: apply the manifests again", k.Binding))
		return idle
	case has(binding):
		k.right = binding
		if rest := k.pace.Fought(time.Now()); rest > 0 {
			return rest // It may be gone again in a moment.
		}
		k.Report.Entered(ctx)
		return idle
	}
	k.Report.Waits(ctx)
	if wait := max(k.settling(ctx, time.Now()), k.pace.Wait(time.Now())); wait > 0 {
		return wait
	}
	return k.write(ctx, binding)
}

// write adds the subject to the binding, and returns how long to wait then unless something changes.
func (k *keeper) write(ctx context.Context, binding *unstructured.Unstructured) time.Duration {
	if err := k.add(ctx); err != nil {
		k.Report.Failed(ctx, k.unwritable(err))
		k.pace.Failed(time.Now(), err)
		return k.pace.Wait(time.Now())
	}
	if k.pace.Wrote(time.Now(), k.right != nil); k.pace.Fights() {
		k.Report.Failed(ctx, k.takenAway(binding))
	}
	return idle // The watch brings what was written.
}

// has reports whether the binding is to our subject.
func has(binding *unstructured.Unstructured) bool {
	subjects, _, _ := unstructured.NestedSlice(binding.Object, "subjects")
	want := Subject()
	for _, subject := range subjects {
		if s, ok := subject.(map[string]any); ok && s["kind"] == want.Kind && s["namespace"] == want.Namespace &&
			s["name"] == want.Name {
			return true
		}
	}
	return false
}

// settling is how long to wait before another look; 0 when the server has been callable for long enough.
func (k *keeper) settling(ctx context.Context, now time.Time) time.Duration {
	if k.Callable(ctx) != nil {
		k.since = time.Time{}
		return lookEvery
	}
	if k.since.IsZero() {
		k.since = now
	}
	return min(lookEvery, max(0, k.since.Add(Settle).Sub(now)))
}

// add writes the subjects, of which no other is of any use. A merge patch changes no other field, and creates nothing.
func (k *keeper) add(ctx context.Context) error {
	patch, err := json.Marshal(map[string]any{"subjects": []rbacv1.Subject{Subject()}})
	if err != nil {
		return fmt.Errorf("encoding the subjects: %w", err)
	}
	_, err = k.Client.Resource(resource()).Patch(ctx, k.Binding, types.MergePatchType, patch,
		metav1.PatchOptions{FieldManager: manager})
	return err
}

func (k *keeper) unreadable(err error) error {
	advice := refusal.Advice(err, k.rule("clusterrolebindings", "list, watch"))
	return explained(fmt.Sprintf("watching ClusterRoleBinding %q", k.Binding), advice, err)
}

// unwritable explains why the subject could not be added. That the role may not be bound is no missing rule to the API
// server, but an escalation.
func (k *keeper) unwritable(err error) error {
	advice := refusal.Advice(err, k.rule("clusterrolebindings", "patch"))
	switch {
	case strings.Contains(err.Error(), "attempting to grant RBAC permissions"):
		advice = "an RBAC rule is missing: " + k.rule("clusterroles", "bind")
	case apierrors.IsNotFound(err):
		advice = "apply the manifests again"
	}
	return explained(fmt.Sprintf("adding the subject of ClusterRoleBinding %q", k.Binding), advice, err)
}

// rule says how to grant verbs on the object of ours, which has the name of the binding.
func (k *keeper) rule(resource, verbs string) string {
	return fmt.Sprintf("grant {apiGroups: [%s], resources: [%s], resourceNames: [%s], verbs: [%s]}", rbacv1.GroupName,
		resource, k.Binding, verbs)
}

func explained(doing, advice string, err error) error {
	if advice == "" {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return fmt.Errorf("%s: %s: %w", doing, advice, err)
}
