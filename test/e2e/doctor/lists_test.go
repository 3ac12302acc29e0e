// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor_test

import (
	"fmt"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hookstrap/hookstrap/pkg/doctor/collect"
)

// TestListsOfEachKind counts the requests: a kind is listed once, or once in each of three namespaces at most, and nothing
// is written.
func TestListsOfEachKind(t *testing.T) {
	for _, namespaces := range []int{1, 3, 4} {
		t.Run(fmt.Sprintf("%d namespaces", namespaces), func(t *testing.T) {
			for range namespaces {
				newPlace(t).build(t)
			}
			seen := &requests{lists: map[string]int{}}
			cfg := shared.plane.Config()
			cfg.Wrap(seen.count)
			facts, err := collect.Cluster(t.Context(), collect.Options{Config: cfg})
			must(t, err)
			if len(facts.Entries) != namespaces || len(facts.Unread) > 0 {
				t.Fatalf("%d entries, and unread: %v", len(facts.Entries), facts.Unread)
			}
			each := namespaces
			if each > 3 {
				each = 1
			}
			want := map[string]int{
				"validatingwebhookconfigurations": 1, "mutatingwebhookconfigurations": 1, "customresourcedefinitions": 1,
				"apiservices": 1, "daemonsets": 1, "namespaces": 1,
				"services": each, "endpointslices": each, "pods": each, "networkpolicies": each, "deployments": each,
				"statefulsets": each, "version": 1,
			}
			if !maps.Equal(seen.lists, want) || len(seen.others) > 0 {
				t.Errorf("lists: %v, want %v; other requests: %v", seen.lists, want, seen.others)
			}
		})
	}
}

// requests are those to the API server, without port-forwards, which have a transport of their own.
type requests struct {
	mu     sync.Mutex
	lists  map[string]int // by resource, each page counted
	others []string
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (s *requests) count(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		s.add(r)
		return next.RoundTrip(r)
	})
}

func (s *requests) add(r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	parts := strings.Split(r.URL.Path, "/")
	isNamed := slices.Contains(parts[:len(parts)-2], "namespaces") && parts[len(parts)-3] != "namespaces"
	switch {
	case r.Method == http.MethodGet && !isNamed:
		s.lists[path.Base(r.URL.Path)]++
	case !strings.HasSuffix(r.URL.Path, "/portforward"):
		s.others = append(s.others, r.Method+" "+r.URL.Path)
	}
}
