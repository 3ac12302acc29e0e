// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package clean

import (
	"context"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/dynamic/fake"
	clienttesting "k8s.io/client-go/testing"
)

// auditing is a Keeper whose audits find namespace shop not clean, for one policy, with a ConfigMap that a test has.
type auditing struct {
	*Keeper

	client *fake.FakeDynamicClient
	began  []Began
	// during is called while an audit runs.
	during func()
}

func imageTag() Policy { return Policy{"imageTag", "aa"} }

func newAuditing(t *testing.T) *auditing {
	t.Helper()
	a := &auditing{client: fake.NewSimpleDynamicClient(runtime.NewScheme()), during: func() {}}
	a.Keeper = newKeeper(t, Options{
		ConfigMap: types.NamespacedName{Namespace: "hookstrap", Name: "clean"},
		OnBegan:   func(b Began) { a.began = append(a.began, b) },
	})
	a.Keeper.client = a.client
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
	maps := a.options.configMaps(a.client)
	_ = maps.Delete(t.Context(), "clean", metav1.DeleteOptions{})
	if _, err := maps.Create(t.Context(), object, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func (a *auditing) live(t *testing.T) *unstructured.Unstructured {
	t.Helper()
	object, err := a.options.configMaps(a.client).Get(t.Context(), "clean", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return object
}

func unchanged(*unstructured.Unstructured) {}

func TestAuditIsWritten(t *testing.T) {
	a := newAuditing(t)
	if err := a.audit(t.Context()); err != nil {
		t.Fatal(err)
	}
	stored, err := parse(a.live(t))
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
	conflicts := 0
	a.client.PrependReactor("update", "configmaps", func(clienttesting.Action) (bool, runtime.Object, error) {
		if conflicts++; conflicts > 1 {
			return false, nil, nil
		}
		return true, nil, apierrors.NewConflict(schema.GroupResource{Resource: "configmaps"}, "clean", nil)
	})
	if err := a.audit(t.Context()); err != nil {
		t.Fatal(err)
	}
	live := a.live(t)
	if _, has, _ := unstructured.NestedMap(live.Object, "binaryData"); has || live.GetLabels()["team"] != "a" {
		t.Errorf("the ConfigMap has become %v", live.Object)
	}
	if conflicts != 2 {
		t.Errorf("%d writes", conflicts)
	}
}
