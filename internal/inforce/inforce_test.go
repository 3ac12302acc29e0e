// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package inforce

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

func TestHas(t *testing.T) {
	other := rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: "shop", Name: "in-force"}
	user := Subject()
	user.Kind = rbacv1.UserKind
	beside := Subject()
	beside.Name = "server"
	for name, tc := range map[string]struct {
		subjects []rbacv1.Subject
		want     bool
	}{
		"none":             {nil, false},
		"ours":             {[]rbacv1.Subject{Subject()}, true},
		"another":          {[]rbacv1.Subject{other}, false},
		"another name":     {[]rbacv1.Subject{beside}, false},
		"another kind":     {[]rbacv1.Subject{user}, false},
		"ours and another": {[]rbacv1.Subject{other, Subject()}, true},
	} {
		t.Run(name, func(t *testing.T) {
			object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&rbacv1.ClusterRoleBinding{Subjects: tc.subjects})
			if err != nil {
				t.Fatal(err)
			}
			if got := has(&unstructured.Unstructured{Object: object}); got != tc.want {
				t.Errorf("has = %t, want %t", got, tc.want)
			}
		})
	}
}

// TestSettling: the time counts from when the server is callable without a break. One that was, and is to write the
// subject again, does not wait once more.
func TestSettling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		broken := 5 * time.Second // when the server is not callable for a moment
		k := &keeper{Options: Options{Callable: func(context.Context) error {
			if time.Since(start) == broken {
				return errors.New("not callable")
			}
			return nil
		}}}
		for time.Since(start) < time.Hour {
			wait := k.settling(t.Context(), time.Now())
			if wait == 0 {
				break
			}
			time.Sleep(wait) //nolint:forbidigo // synctest's clock
		}
		if got, want := time.Since(start), broken+lookEvery+Settle; got != want {
			t.Errorf("it took %s, want %s", got, want)
		}
		time.Sleep(time.Hour) //nolint:forbidigo // synctest's clock
		if wait := k.settling(t.Context(), time.Now()); wait != 0 {
			t.Errorf("the second time it waits %s, want 0s", wait)
		}
	})
}
