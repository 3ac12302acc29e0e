// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"fmt"
	"reflect"
	"sync"

	"k8s.io/apimachinery/pkg/util/json"
)

// ObjectDecoder is implemented by types of which [Object] and [OldObject] are to make one in another way than with the
// API machinery's decoder, because decoding everything would be a waste. Whatever way that is, it must see the same as
// the API server: names of fields are case-sensitive, and of a name that occurs twice the last one counts.
type ObjectDecoder interface {
	// DecodeObject fills in the receiver, which is zero, from JSON. It must neither keep nor change raw.
	DecodeObject(raw []byte) error
}

// decoded remembers what an object was decoded to. There are a few types at most.
type decoded struct {
	mu    sync.Mutex
	known []any
}

func decode[T any](memo *decoded, raw []byte, which string) (*T, error) {
	memo.mu.Lock()
	defer memo.mu.Unlock()
	if obj, ok := find[T](memo.known); ok {
		return obj, nil
	}
	if len(raw) == 0 {
		return nil, fmt.Errorf("cannot read %s: %w", which, ErrNoObject)
	}
	obj := new(T)
	if own, ok := any(obj).(ObjectDecoder); ok {
		if err := own.DecodeObject(raw); err != nil {
			return nil, fmt.Errorf("cannot read %s: %w", which, err)
		}
	} else if err := json.Unmarshal(raw, obj); err != nil {
		// The API machinery's decoder, since its idea of JSON is the API server's: names of fields are case-sensitive.
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

// Decoded returns the object in the request as a *T if [Object] has decoded it as one already, and does not decode it.
// A check that could do with less than a T finds out with it that there is a T to share.
func Decoded[T any](req *Request) (*T, bool) {
	req.object.mu.Lock()
	defer req.object.mu.Unlock()
	return find[T](req.object.known)
}
