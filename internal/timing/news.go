// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package timing

// News tells a new error from a repeated one. The zero value has seen none. It is not safe for concurrent use.
type News struct{ last string }

// Is reports whether err is another one than the last, and not nil. After nil, every error is news.
func (n *News) Is(err error) bool {
	before := n.last
	if n.last = ""; err != nil {
		n.last = err.Error()
	}
	return err != nil && n.last != before
}

// Any reports whether the last one was an error.
func (n *News) Any() bool { return n.last != "" }

// Once returns a function that calls report once for as long as the error stays the same.
func Once(report func(error)) func(error) {
	var news News
	return func(err error) {
		if news.Is(err) {
			report(err)
		}
	}
}
