// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// words is a view of ConfigMaps by the values of their data; each key of the data is a note.
func words() *View[string] {
	return New("words", &corev1.ConfigMap{}, &corev1.ConfigMapList{}, func(o *corev1.ConfigMap) (Kept[string], bool) {
		kept := Kept[string]{Value: o.ResourceVersion}
		for key, value := range o.Data {
			kept.Keys = append(kept.Keys, Key{Text: value, Note: key})
		}
		return kept, len(kept.Keys) > 0
	})
}

func configMap(namespace, name, version string, data map[string]string) *corev1.ConfigMap {
	o := &corev1.ConfigMap{Data: data}
	o.Namespace, o.Name, o.ResourceVersion = namespace, name, version
	return o
}

// kept is a cluster of one store.
type kept struct {
	client.Reader
	store *Store
}

// View implements [Cluster].
func (k kept) View(context.Context, Any, client.ObjectKey) (*Store, error) { return k.store, nil }

func found(t *testing.T, s *Store, q Query) []string {
	t.Helper()
	var all []string
	err := words().Find(t.Context(), kept{store: s}, q, func(f Found[string]) bool {
		all = append(all, fmt.Sprint(f.Namespace, "/", f.Name, " ", f.Note, " ", f.Value))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// naive looks at all objects, as a check without an index would.
func naive(objects map[string]*corev1.ConfigMap, q Query) []string {
	var all []string
	for _, o := range objects {
		if q.In != "" && o.Namespace != q.In || q.Outside != "" && o.Namespace == q.Outside {
			continue
		}
		for key, value := range o.Data {
			if value == q.Key {
				all = append(all, fmt.Sprint(o.Namespace, "/", o.Name, " ", key, " ", o.ResourceVersion))
			}
		}
	}
	slices.Sort(all)
	return all
}

// Whatever is added, changed and deleted, one by one or by a list of all, the store finds what a look at all objects
// does.
func TestStoreFindsWhatIsThere(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	store := NewStore(words(), NewLimit(1<<20))
	writer := store.Writer(false)
	objects := map[string]*corev1.ConfigMap{}
	pick := func(n int) string { return string(rune('a' + random.IntN(n))) }
	for step := range 2000 {
		o := configMap(pick(3), pick(5), fmt.Sprint(step), map[string]string{})
		for range random.IntN(4) {
			o.Data[pick(3)] = pick(4)
		}
		name := o.Namespace + "/" + o.Name
		switch random.IntN(20) {
		case 0, 1, 2, 3, 4, 5:
			delete(objects, name)
			writer.Delete(o)
		case 6:
			stale := writer
			writer = store.Writer(true)
			stale.Set(configMap("z", "z", "", map[string]string{"a": "a"}))
			maps.DeleteFunc(objects, func(string, *corev1.ConfigMap) bool { return random.IntN(3) == 0 })
			for _, o := range objects {
				writer.Set(o)
			}
			writer.Complete()
		default:
			objects[name] = o
			writer.Set(o)
		}
		q := Query{Key: pick(4)}
		switch random.IntN(3) {
		case 0:
			q.In = pick(3)
		case 1:
			q.Outside = pick(3)
		}
		if diff := cmp.Diff(naive(objects, q), found(t, store, q)); diff != "" {
			t.Fatalf("step %d: %+v (-naive +store):\n%s", step, q, diff)
		}
	}
	store.Clear()
	if store.limit.used != 0 || len(store.limit.of) > 0 || store.rows.Len() > 0 || store.bytes != 0 {
		t.Errorf("%d bytes are still taken, by %v; %d rows are left", store.limit.used, store.limit.of, store.rows.Len())
	}
}

// A visit that has seen enough ends the search, behind the namespace that is left out too.
func TestFindEndsWhenToldTo(t *testing.T) {
	store := NewStore(words(), nil)
	for _, namespace := range []string{"a", "b", "c", "d"} {
		store.Writer(false).Set(configMap(namespace, "x", "1", map[string]string{"n": "k"}))
	}
	for outside, want := range map[string]string{"a": "b", "b": "a", "": "a"} {
		var seen []string
		_ = words().Find(t.Context(), kept{store: store}, Query{Key: "k", Outside: outside}, func(f Found[string]) bool {
			seen = append(seen, f.Namespace)
			return false
		})
		if !slices.Equal(seen, []string{want}) {
			t.Errorf("outside of %q: saw %v", outside, seen)
		}
	}
}

func TestGet(t *testing.T) {
	store := NewStore(words(), nil)
	store.Writer(false).Set(configMap("a", "x", "7", map[string]string{"n": "k"}))
	if got, err := words().Get(t.Context(), kept{store: store}, client.ObjectKey{Namespace: "a", Name: "x"}); got != "7" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := words().Get(t.Context(), kept{store: store}, client.ObjectKey{Namespace: "a", Name: "y"}); !apierrors.IsNotFound(err) {
		t.Errorf("got %v", err)
	}
}

// A change of what is not kept leaves the index alone: there may be many, of objects with many keys.
func TestNothingIsDoneForWhatIsNotKept(t *testing.T) {
	store := NewStore(words(), NewLimit(10_000))
	w, name := store.Writer(false), id{namespace: "shop", name: "x"}
	w.Set(configMap("shop", "x", "1", map[string]string{"n": "k"}))
	before := store.entries[name]
	same := configMap("shop", "x", "1", map[string]string{"n": "k"})
	same.Labels = map[string]string{"changed": "yes"}
	w = store.Writer(true)
	w.Set(same)
	w.Complete()
	if store.entries[name] != before {
		t.Error("the same was kept anew, or is gone")
	}
	w.Set(configMap("shop", "x", "2", map[string]string{"n": "k"}))
	if store.entries[name] == before || store.entries[name].value != "2" {
		t.Error("a change was missed")
	}
}

func large(namespace, name string, bytes int) *corev1.ConfigMap {
	return configMap(namespace, name, "", map[string]string{strings.Repeat("n", bytes): "k"})
}

func ask(t *testing.T, s *Store, q Query) error {
	t.Helper()
	return words().Find(t.Context(), kept{store: s}, q, func(Found[string]) bool { return true })
}

// Who uses up the share of his namespace cannot ask any more; the others can.
func TestShareOfANamespace(t *testing.T) {
	store := NewStore(words(), NewLimit(20_000))
	w := store.Writer(false)
	for i := range 50 {
		w.Set(large("flood", fmt.Sprint(i), 1000))
	}
	w.Set(large("shop", "x", 1000))
	for _, q := range []Query{{Key: "k"}, {Key: "k", In: "flood"}, {Key: "k", Outside: "flood"}} {
		err := ask(t, store, q)
		if err == nil || !strings.Contains(err.Error(), `ConfigMap objects of namespace "flood" are not looked at`) ||
			!strings.Contains(err.Error(), "raise the memory limit") {
			t.Errorf("%+v: got %v", q, err)
		}
	}
	for _, q := range []Query{{Key: "k", In: "shop"}, {Key: "k", Outside: "shop"}} {
		if err := ask(t, store, q); err != nil {
			t.Errorf("%+v: %v", q, err)
		}
	}
	if u := store.Usage(); u.Err == nil || u.Missing != 43 || u.Objects != 8 || u.Bytes > 12_000 || u.Room {
		t.Errorf("got %+v", u)
	}
}

// When there is nothing left for anybody, no one is told less than there is.
func TestLimitOfAll(t *testing.T) {
	store := NewStore(words(), NewLimit(20_000))
	w := store.Writer(false)
	for i := range 30 {
		w.Set(large(fmt.Sprint(i), "x", 960))
	}
	for _, q := range []Query{{Key: "k"}, {Key: "k", In: "29"}, {Key: "k", Outside: "shop"}} {
		if err := ask(t, store, q); err == nil || !strings.Contains(err.Error(), "in all") {
			t.Errorf("%+v: got %v", q, err)
		}
	}
	if err := ask(t, store, Query{Key: "k", In: "0"}); err != nil {
		t.Errorf("a namespace of which all is kept: %v", err)
	}
	if err := store.incomplete(Query{}); err == nil {
		t.Error("nothing is missing")
	}
	// An object that has become small is kept again, and one that is gone is not missing.
	w.Set(large("29", "x", 10))
	w.Delete(large("28", "x", 0))
	if err := ask(t, store, Query{Key: "k", In: "29"}); err != nil {
		t.Error(err)
	}
	before := store.Usage()
	for i := range 5 {
		w.Delete(large(fmt.Sprint(i), "x", 0))
	}
	if after := store.Usage(); before.Room || !after.Room {
		t.Errorf("room before: %t, after: %t", before.Room, after.Room)
	}
	// A list of all makes up for what was missed.
	w = store.Writer(true)
	for i := range 10 {
		w.Set(large(fmt.Sprint(i), "x", 960))
	}
	if store.Usage().Err == nil {
		t.Error("a list that has not come to its end has all")
	}
	w.Complete()
	if u := store.Usage(); u.Err != nil || u.Objects != 10 {
		t.Errorf("got %+v", u)
	}
}

// What is remembered of objects that are not kept is bounded, and they are missing all the same.
func TestMoreIsMissingThanCanBeNamed(t *testing.T) {
	store := NewStore(words(), NewLimit(1000))
	w := store.Writer(true)
	for i := range mostMissing + 10 {
		w.Set(large("flood", fmt.Sprint(i), 1000))
	}
	w.Complete()
	for i := range mostMissing {
		w.Delete(large("flood", fmt.Sprint(i), 0))
	}
	if u := store.Usage(); len(store.missing) > 0 || u.Missing != 10 || u.Err == nil {
		t.Errorf("got %+v, with %d by name", u, len(store.missing))
	}
	w = store.Writer(true)
	w.Complete()
	if u := store.Usage(); u.Err != nil {
		t.Errorf("got %+v", u)
	}
}

// The limit is one of memory, so that what is counted has to be about what is taken.
func TestSizesAreAboutRight(t *testing.T) {
	for name, data := range map[string]map[string]string{
		"small": {"a": "b"},
		"many":  many(1000, func(i int) (string, string) { return fmt.Sprint("n", i), fmt.Sprint(i) }),
		"long":  {strings.Repeat("n", 5000): "k"},
	} {
		const n = 100
		var objects []client.Object
		for i := range n {
			objects = append(objects, configMap("shop", fmt.Sprint("web-", i), "1", data))
		}
		before := heap()
		store := NewStore(words(), nil)
		w := store.Writer(false)
		for _, o := range objects {
			w.Set(o)
		}
		taken := heap() - before
		if taken > store.bytes*5/4 || taken < store.bytes/3 {
			t.Errorf("%s: %d bytes are taken an object, %d were estimated", name, taken/n, store.bytes/n)
		}
		t.Logf("%s: %d bytes are taken an object, %d were estimated", name, taken/n, store.bytes/n)
		runtime.KeepAlive(objects)
	}
}

func many(n int, entry func(int) (string, string)) map[string]string {
	all := map[string]string{}
	for i := range n {
		key, value := entry(i)
		all[key] = value
	}
	return all
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
