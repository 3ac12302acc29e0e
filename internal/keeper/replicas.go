// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package keeper

import (
	"bytes"
	"context"
	"crypto/sha256"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/hookstrap/hookstrap/internal/follow"
)

// Replicas are the ready Pods of one Deployment, of which one writes what all see. There is no leader: each object has
// an order of the replicas of its own (rendezvous hashing), and a replica waits for those before it. If they do not
// write, it does. The API server refuses all but one of several writes to one state of an object anyway, so that a
// wrong idea of the replicas costs a request or a few seconds, and no wrong bytes.
type Replicas struct {
	self string

	mu     sync.RWMutex
	others []string
}

// NewReplicas returns the replica of a name, with others if they are known already.
func NewReplicas(self string, others ...string) *Replicas {
	return &Replicas{self: self, others: others}
}

// Rank is how many replicas are before this one to write an object.
func (r *Replicas) Rank(uid types.UID) int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	rank, own := 0, score(r.self, uid)
	for _, other := range r.others {
		if theirs := score(other, uid); other != r.self && bytes.Compare(theirs[:], own[:]) > 0 {
			rank++
		}
	}
	return rank
}

func score(name string, uid types.UID) [sha256.Size]byte {
	return sha256.Sum256([]byte(name + "\x00" + string(uid)))
}

// Follow keeps up with the Pods of a namespace that a label selector selects, until ctx ends. It takes the rights to
// list and watch Pods there.
func (r *Replicas) Follow(ctx context.Context, client dynamic.Interface, namespace, selector string) {
	pods := corev1.SchemeGroupVersion.WithResource("pods")
	follow.Run(ctx, follow.Options{
		Name: "replicas", Resource: client.Resource(pods).Namespace(namespace), Labels: selector,
		Kind: corev1.SchemeGroupVersion.WithKind("Pod"), Trim: trimPod, Store: &follow.Objects{Changed: r.set},
		Report: unwatched(ctx, "the Pods of our replicas", "pods"),
	})
}

func (r *Replicas) set(pods []*unstructured.Unstructured) {
	var ready []string
	for _, pod := range pods {
		if pod.Object["ready"] == true {
			ready = append(ready, pod.GetName())
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.others = ready
}

// trimPod leaves of a Pod its name and whether it is ready.
func trimPod(pod *unstructured.Unstructured) {
	conditions, _, _ := unstructured.NestedSlice(pod.Object, "status", "conditions")
	ready := false
	for _, condition := range conditions {
		c, _ := condition.(map[string]any)
		ready = ready || c["type"] == string(corev1.PodReady) && c["status"] == string(corev1.ConditionTrue)
	}
	ready = ready && pod.GetDeletionTimestamp() == nil
	name, version, annotations := pod.GetName(), pod.GetResourceVersion(), pod.GetAnnotations()
	kind := pod.GroupVersionKind()
	pod.Object = map[string]any{"ready": ready}
	pod.SetGroupVersionKind(kind)
	pod.SetName(name)
	pod.SetResourceVersion(version)
	pod.SetAnnotations(annotations)
}
