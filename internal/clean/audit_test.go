// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package clean

import (
	"context"
	"strconv"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/dynamic"
)

// oneConfigMap is a client of which there is one object at most. A real API server does not let a test come between two
// requests of one audit.
type oneConfigMap struct {
	dynamic.NamespaceableResourceInterface

	object  *unstructured.Unstructured
	version int
	writes  int
	// before is called before each update.
	before func()
}

func (c *oneConfigMap) Resource(schema.GroupVersionResource) dynamic.NamespaceableResourceInterface {
	return c
}

func (c *oneConfigMap) Namespace(string) dynamic.ResourceInterface { return c }

func (c *oneConfigMap) Get(
	_ context.Context, name string, _ metav1.GetOptions, _ ...string,
) (*unstructured.Unstructured, error) {
	if c.object == nil {
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "configmaps"}, name)
	}
	return c.object.DeepCopy(), nil
}

func (c *oneConfigMap) Create(
	_ context.Context, object *unstructured.Unstructured, _ metav1.CreateOptions, _ ...string,
) (*unstructured.Unstructured, error) {
	c.version++
	c.object = object.DeepCopy()
	c.object.SetResourceVersion(strconv.Itoa(c.version))
	return c.object.DeepCopy(), nil
}

func (c *oneConfigMap) Update(
	ctx context.Context, object *unstructured.Unstructured, _ metav1.UpdateOptions, _ ...string,
) (*unstructured.Unstructured, error) {
	c.writes++
	c.before()
	if object.GetResourceVersion() != c.object.GetResourceVersion() {
		return nil, apierrors.NewConflict(schema.GroupResource{Resource: "configmaps"}, object.GetName(), nil)
	}
	return c.Create(ctx, object, metav1.CreateOptions{})
}

// auditing is a Keeper whose audits find namespace shop not clean, for one policy, with a ConfigMap that a test has.
type auditing struct {
	*Keeper

	stored *oneConfigMap
	began  []Began
	// during is called while an audit runs.
	during func()
}

func imageTag() Policy { return Policy{"imageTag", "aa"} }

func newAuditing(t *testing.T) *auditing {
	t.Helper()
	a := &auditing{stored: &oneConfigMap{before: func() {}}, during: func() {}}
	a.Keeper = newKeeper(t, Options{
		ConfigMap: types.NamespacedName{Namespace: "hookstrap", Name: "clean"},
		OnBegan:   func(b Began) { a.began = append(a.began, b) },
	})
	a.client = a.stored
	a.Use([]Policy{imageTag()}, func(context.Context) (Found, error) {
		a.during()
		return Found{Namespaces: in("attic", "shop"), In: map[string]sets.Set[string]{"imageTag": sets.New("shop")}}, nil
	})
	return a
}

// write has another client write the ConfigMap.
func (a *auditing) write(t *testing.T, state State, more func(*unstructured.Unstructured)) {
	t.Helper()
	data, err := state.Data()
	if err != nil {
		t.Fatal(err)
	}
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(configMapKind())
	object.SetName("clean")
	if err := unstructured.SetNestedStringMap(object.Object, data, "data"); err != nil {
		t.Fatal(err)
	}
	more(object)
	if _, err := a.stored.Create(t.Context(), object, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func unchanged(*unstructured.Unstructured) {}

func TestAuditIsWritten(t *testing.T) {
	a := newAuditing(t)
	if err := a.audit(t.Context()); err != nil {
		t.Fatal(err)
	}
	stored, err := parse(a.stored.object)
	if err != nil || stored[imageTag()].Clean("shop") || !stored[imageTag()].Clean("attic") {
		t.Errorf("the ConfigMap says %v, %v", stored, err)
	}
	if !a.Clean("imageTag", "aa", "attic") || a.Clean("imageTag", "aa", "shop") {
		t.Error("this replica does not do what it has written")
	}
	if len(a.began) != 1 || a.began[0].Warns != 1 {
		t.Errorf("told %+v", a.began)
	}
	if a.isDue(time.Now()) {
		t.Error("another audit is due at once")
	}
}

// A replica that was faster counts: what it has written stays, and nothing is told twice.
func TestAuditOfAnotherReplicaCounts(t *testing.T) {
	a := newAuditing(t)
	other := State{imageTag(): {Audited: time.Now().Add(time.Second).UTC().Truncate(time.Second), NotClean: map[string]string{}}}
	a.during = func() { a.write(t, other, unchanged) }
	if err := a.audit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !a.Clean("imageTag", "aa", "shop") || len(a.began) != 0 {
		t.Errorf("the other replica's audit does not count, told %+v", a.began)
	}
}

// Where a check denies it goes on to deny, also if its ConfigMap was deleted before the audit.
func TestAuditRemembersADeletedConfigMap(t *testing.T) {
	a := newAuditing(t)
	a.store.read(State{imageTag(): {Audited: time.Now().Add(-time.Minute), NotClean: map[string]string{}}}, true)
	a.see(t.Context(), nil)
	if _, exists := a.store.inConfigMap(); exists {
		t.Error("the ConfigMap counts as there")
	}
	if err := a.audit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !a.Clean("imageTag", "aa", "shop") {
		t.Error("it warns again in a namespace in which it has denied")
	}
}

// A write that another one came before is made again, on what is there now; binary data leaves room for names.
func TestAuditAfterAConflict(t *testing.T) {
	a := newAuditing(t)
	a.write(t, nil, func(object *unstructured.Unstructured) {
		object.SetLabels(map[string]string{"team": "a"})
		_ = unstructured.SetNestedField(object.Object, "AA==", "binaryData", "large")
	})
	a.stored.before = func() {
		if a.stored.writes == 1 { // Another one is faster.
			a.stored.version++
			a.stored.object.SetResourceVersion(strconv.Itoa(a.stored.version))
		}
	}
	if err := a.audit(t.Context()); err != nil {
		t.Fatal(err)
	}
	live := a.stored.object
	if _, has, _ := unstructured.NestedMap(live.Object, "binaryData"); has || live.GetLabels()["team"] != "a" {
		t.Errorf("the ConfigMap has become %v", live.Object)
	}
	if a.stored.writes != 2 {
		t.Errorf("%d writes", a.stored.writes)
	}
}
