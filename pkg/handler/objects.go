// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"errors"
	"fmt"
	"reflect"
	"sync"

	"github.com/hookstrap/hookstrap/internal/lean"
)

// ErrNoObject is returned when a request does not carry the object that was asked for: deletes have no new object,
// creates have no old one.
var ErrNoObject = errors.New("the request carries no such object")

// decoded remembers what an object was decoded to. There are a few types at most.
type decoded struct {
	mu    sync.Mutex
	known []any
	lean  lean.Object // what is known of the object beforehand
}

func decodeObject[T any](memo *decoded, memory *memory, raw []byte, which string) (*T, error) {
	memo.mu.Lock()
	defer memo.mu.Unlock()
	if obj, ok := find[T](memo.known); ok {
		return obj, nil
	}
	if len(raw) == 0 {
		return nil, fmt.Errorf("cannot read %s: %w", which, ErrNoObject)
	}
	obj, object := new(T), memo.lean
	object.Raw = raw
	if memory != nil {
		object.Memory = memory
	}
	if own, ok := any(obj).(lean.Decoder); ok {
		if err := own.DecodeLean(object); err != nil {
			return nil, fmt.Errorf("cannot read %s: %w", which, err)
		}
	} else if err := lean.DecodeTyped(obj, object, nil); err != nil {
		return nil, fmt.Errorf("cannot read %s as %s: %w", which, reflect.TypeFor[T](), err)
	}
	memo.known = append(memo.known, obj)
	return obj, nil
}

func find[T any](known []any) (*T, bool) {
	for _, candidate := range known {
		if obj, ok := candidate.(*T); ok {
			return obj, true
		}
	}
	return nil, false
}
