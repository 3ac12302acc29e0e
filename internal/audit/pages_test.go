// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
)

// pages is an API server that lists Pods. Names begin with their position.
type pages struct {
	t        *testing.T
	names    []string
	long     map[string]int // how long the notes of some Pods are
	expire   []string       // answers to tokens: "" begins again, else the state goes on
	requests []string       // the limits and tokens that were asked for
}

func (p *pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	limit, next := r.URL.Query().Get("limit"), r.URL.Query().Get("continue")
	p.requests = append(p.requests, strings.TrimSpace(limit+" "+next))
	w.Header().Set("Content-Type", "application/json")
	if next != "" && len(p.expire) > 0 && !strings.HasPrefix(next, "later-") {
		token := p.expire[0]
		p.expire = p.expire[1:]
		w.WriteHeader(http.StatusGone)
		_, _ = fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410,`+
			`"message":"too old","metadata":{"continue":%q}}`, token)
		return
	}
	from, _ := strconv.Atoi(strings.TrimPrefix(next, "later-"))
	n, _ := strconv.Atoi(limit)
	to := min(from+n, len(p.names))
	list := corev1.PodList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}}
	for _, name := range p.names[from:to] {
		pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("uid of " + name)}}
		pod.Annotations = map[string]string{"note": strings.Repeat("n", p.long[name])}
		list.Items = append(list.Items, pod)
	}
	if to < len(p.names) {
		list.Continue = strconv.Itoa(to)
	}
	if err := json.NewEncoder(w).Encode(list); err != nil {
		p.t.Error(err)
	}
}

// listed are the names of the Pods that are read, in pages of two.
func listed(t *testing.T, p *pages) ([]string, error) {
	t.Helper()
	p.t = t
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	l, err := newLive(Options{Config: &rest.Config{Host: server.URL, QPS: -1}, PageSize: 2})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	err = l.list(t.Context(), podKind(), false, func(raw []byte) error {
		var pod corev1.Pod
		if err := json.Unmarshal(raw, &pod); err != nil {
			return err
		}
		if pod.Kind != "Pod" || pod.APIVersion != "v1" {
			t.Errorf("%s is a %q of %q", pod.Name, pod.Kind, pod.APIVersion)
		}
		names = append(names, pod.Name)
		return nil
	})
	return names, err
}

func TestPages(t *testing.T) {
	five := []string{"a", "b", "c", "d", "e"}
	for name, tc := range map[string]struct {
		pages pages
		want  []string // requests
	}{
		"one after another": {pages{}, []string{"2", "2 2", "2 4"}},
		"expired, and the state of now is offered": {pages{expire: []string{"later-2"}},
			[]string{"2", "2 2", "2 later-2", "2 4"}},
		"expired, and nothing is offered": {pages{expire: []string{""}}, []string{"2", "2 2", "2", "2 2", "2 4"}},
		"too long":                        {pages{long: map[string]int{"c": pageBytes}}, []string{"2", "2 2", "1 2", "2 3"}},
	} {
		t.Run(name, func(t *testing.T) {
			tc.pages.names = five
			names, err := listed(t, &tc.pages)
			if diff := cmp.Diff(five, names); diff != "" || err != nil {
				t.Errorf("Pods (-want +got):\n%s%v", diff, err)
			}
			if diff := cmp.Diff(tc.want, tc.pages.requests); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

// A list that expires over and over does not go on without end.
func TestPagesThatExpireAlways(t *testing.T) {
	p := &pages{names: []string{"a", "b", "c"}, expire: slices.Repeat([]string{""}, 100)}
	names, err := listed(t, p)
	if err == nil || !strings.Contains(err.Error(), "too old") || len(names) != 2 {
		t.Errorf("got %v, %v", names, err)
	}
}

func TestWhatIsNoList(t *testing.T) {
	for text, want := range map[string]string{
		"": "is not a list", "[]": "is not a list", `{"items":5}`: "is not a list", `{"items":[{]}`: "is not a list", `{"items":[{}]}`: "",
		`{"items":[{}`: "is not a list", `{"metadata":{"continue":"x"},"items":null}`: "", `{"metadata":5}`: "is not a list",
	} {
		_, err := items([]byte(text), func([]byte) error { return nil })
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}
