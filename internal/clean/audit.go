// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package clean

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/refusal"
)

// mostWrites is how often a result is written against other replicas. Each of them has then been faster.
const mostWrites = 5

// mostNamed is how many namespaces a log line names.
const mostNamed = 20

func configMapKind() schema.GroupVersionKind { return corev1.SchemeGroupVersion.WithKind("ConfigMap") }

// configMaps are those of the namespace in which the state is kept.
func (o Options) configMaps(client dynamic.Interface) dynamic.ResourceInterface {
	return client.Resource(corev1.SchemeGroupVersion.WithResource("configmaps")).Namespace(o.ConfigMap.Namespace)
}

func parse(object *unstructured.Unstructured) (State, error) {
	data, _, err := unstructured.NestedStringMap(object.Object, "data")
	if err != nil {
		return nil, fmt.Errorf("reading its data: %w", err)
	}
	return Parse(data)
}

// audit looks at what there is, and writes down what follows from it, unless another replica has since.
func (k *Keeper) audit(ctx context.Context) error {
	use, at := k.use.Load(), time.Now()
	before, _ := k.store.inConfigMap()
	found, err := use.audit(ctx)
	if err != nil {
		return fmt.Errorf("auditing: %w", err)
	}
	k.last = at
	for range mostWrites {
		began, err := k.write(ctx, audited{use.policies, found, before, at})
		if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("writing ConfigMap %s: %s%w", k.options.ConfigMap, k.options.advice(err, "get, update"), err)
		}
		k.tell(ctx, began)
		return nil
	}
	return fmt.Errorf("writing ConfigMap %s: it has changed %d times in a row", k.options.ConfigMap, mostWrites)
}

// audited is one audit, with what the ConfigMap said when it began.
type audited struct {
	policies []Policy
	found    Found
	before   State
	at       time.Time
}

// write is one compare-and-swap. It returns where checks deny from now on.
func (k *Keeper) write(ctx context.Context, a audited) ([]Began, error) {
	live, err := k.options.configMaps(k.client).Get(ctx, k.options.ConfigMap.Name, metav1.GetOptions{})
	missing := apierrors.IsNotFound(err)
	if err != nil && !missing {
		return nil, err
	}
	var stored State
	if !missing {
		stored, _ = parse(live) // What is damaged is replaced.
		if stored.isNewer(a.before, a.policies) {
			k.store.read(stored, true)
			return nil, nil
		}
	}
	next, began := k.store.load().over(stored).after(a.policies, a.found, a.at)
	written, err := k.put(ctx, live, missing, next)
	if err != nil {
		return nil, err
	}
	next, err = parse(written) // as the others read it
	k.store.read(next, true)
	return began, err
}

func (k *Keeper) put(
	ctx context.Context, live *unstructured.Unstructured, missing bool, next State,
) (*unstructured.Unstructured, error) {
	data, err := next.Data()
	if err != nil {
		return nil, err
	}
	if missing {
		live = &unstructured.Unstructured{}
		live.SetGroupVersionKind(configMapKind())
		live.SetName(k.options.ConfigMap.Name)
		live.SetLabels(map[string]string{"app.kubernetes.io/part-of": "hookstrap"})
	}
	unstructured.RemoveNestedField(live.Object, "binaryData")
	if err := unstructured.SetNestedStringMap(live.Object, data, "data"); err != nil {
		return nil, err
	}
	if missing {
		return k.options.configMaps(k.client).Create(ctx, live, metav1.CreateOptions{})
	}
	return k.options.configMaps(k.client).Update(ctx, live, metav1.UpdateOptions{}) // It carries the resourceVersion.
}

// isNewer says whether another replica has audited all of these policies since before.
func (s State) isNewer(before State, policies []Policy) bool {
	for _, policy := range policies {
		if !s[policy].Audited.After(before[policy].Audited) {
			return false
		}
	}
	return true
}

// tell logs where checks deny from now on.
func (k *Keeper) tell(ctx context.Context, all []Began) {
	for _, began := range all {
		klog.FromContext(ctx).Info("A check in mode denyWhenClean denies in more namespaces", "check", began.Check,
			"namespaces", began.Text(mostNamed), "warnsIn", began.Warns)
		if k.options.OnBegan != nil {
			k.options.OnBegan(began)
		}
	}
}

// advice is what to grant, if that is what an error is about.
func (o Options) advice(err error, verbs string) string {
	advice := refusal.Advice(err, fmt.Sprintf("grant {apiGroups: [\"\"], resources: [configmaps], resourceNames: [%s], "+
		"verbs: [%s]} in our namespace", o.ConfigMap.Name, verbs))
	if advice == "" {
		return ""
	}
	return advice + ": "
}
