// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package relist

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// TestRefusedWatchIsNotAskedForWithoutAPause: a kind that cannot be listed costs few requests, and each failure is told.
func TestRefusedWatchIsNotAskedForWithoutAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		refused := errors.New("not served")
		lists, told := 0, 0
		go Run(ctx, Options{
			Name: "Widget", Store: NewNotifying(func() {}),
			ListerWatcher: &cache.ListWatch{
				ListWithContextFunc: func(context.Context, metav1.ListOptions) (runtime.Object, error) {
					lists++
					if lists > 1000 {
						cancel()
					}
					return nil, refused
				},
				WatchFuncWithContext: func(context.Context, metav1.ListOptions) (watch.Interface, error) {
					return nil, refused
				},
			},
			Failed: func(err error) {
				if err != nil {
					told++
				}
			},
		})
		<-time.After(time.Hour)
		synctest.Wait()
		cancel()
		synctest.Wait()
		if lists < 10 || lists > 100 || told < 10 {
			t.Errorf("in an hour it was listed %d times and told %d failures, want 10 to 100 lists, and all told", lists, told)
		}
	})
}

// TestAListIsNoSuccess: a list that takes long proves nothing if the watch after it is refused.
func TestAListIsNoSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		lists, successes := 0, 0
		Run(ctx, Options{
			Name: "pods", Object: &corev1.Pod{}, Store: NewNotifying(func() {}),
			ListerWatcher: &cache.ListWatch{
				ListWithContextFunc: func(ctx context.Context, _ metav1.ListOptions) (runtime.Object, error) {
					lists++
					select {
					case <-time.After(proven + time.Second):
					case <-ctx.Done():
					}
					return &corev1.PodList{ListMeta: metav1.ListMeta{ResourceVersion: "7"}}, nil
				},
				WatchFuncWithContext: func(context.Context, metav1.ListOptions) (watch.Interface, error) {
					return nil, errors.New("not streamed, and not to be watched")
				},
			},
			Failed: func(err error) {
				if err == nil {
					successes++
				}
			},
		})
		if lists > 100 || successes > 0 {
			t.Errorf("in an hour it was listed %d times and told %d successes, want 100 lists at most, and none", lists, successes)
		}
	})
}

// TestAWatchLastsFromItsBeginning, and until it is asked for again, or for another list.
func TestAWatchLastsFromItsBeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var refused error
		var w watching
		lw := w.noting(&cache.ListWatch{
			ListWithContextFunc: func(context.Context, metav1.ListOptions) (runtime.Object, error) { return nil, nil },
			WatchFuncWithContext: func(context.Context, metav1.ListOptions) (watch.Interface, error) {
				return nil, refused
			},
		})
		list := func() { _, _ = lw.ListWithContext(t.Context(), metav1.ListOptions{}) }
		begin := func() { _, _ = lw.WatchWithContext(t.Context(), metav1.ListOptions{}) }
		for _, step := range []struct {
			what string
			do   func()
			want time.Duration
		}{
			{"nothing", func() {}, 0},
			{"a list", list, 0},
			{"a watch", begin, time.Minute},
			{"still the watch", func() {}, 2 * time.Minute},
			{"another watch", begin, time.Minute},
			{"another list", list, 0},
			{"a watch after it", begin, time.Minute},
			{"a refused watch", func() { refused = errors.New("no"); begin() }, 0},
		} {
			step.do()
			<-time.After(time.Minute)
			if got := w.lasted(); got != step.want {
				t.Errorf("%s: a watch lasts for %s, want %s", step.what, got, step.want)
			}
		}
	})
}
