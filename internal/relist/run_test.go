// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package relist

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

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
