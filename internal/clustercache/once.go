// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package clustercache

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// mostLists is how often a list is begun whose pages come too slowly for the API server to go on with it.
const mostLists = 3

// readOnce lists all objects of a type, if that has not been done yet. A type of which that fails is not kept.
func (c *Cache) readOnce(ctx context.Context, f *followed) error {
	if f.isSynced() {
		return nil
	}
	_, list := f.view.Of()
	source := &feed{client: c.client, list: list, followed: f, listing: c.listing}
	err := errors.New("it was not listed")
	for range mostLists {
		if _, err = source.listAll(ctx, metav1.ListOptions{}); !apierrors.IsResourceExpired(err) {
			break
		}
	}
	if err == nil {
		f.complete()
		err = f.store.Usage().Err
	}
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		f.stop()
		delete(c.watched, f.name)
	}
	return err
}

func (f *followed) isSynced() bool {
	select {
	case <-f.synced:
		return true
	default:
		return false
	}
}
