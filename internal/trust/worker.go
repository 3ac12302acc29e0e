// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"context"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/utils/clock"

	"github.com/hookstrap/hookstrap/internal/timing"
)

// writeTimeout bounds one write. The API server itself gives up after a minute; a repair should not hang so long.
const writeTimeout = 15 * time.Second

// worker watches one target and writes to it. Its fields below the options belong to the goroutine of run alone.
type worker struct {
	view     *view
	resource dynamic.ResourceInterface // for what watches or applies
	patch    patching
	scope    scope
	clock    clock.Clock
	observer Observer
	policy   func() (Policy, int) // and a number which grows with each change of the policy
	named    func() bool          // whether it is known by which names we can be called
	// hold is how long another replica may be first to write an object; nil for not at all.
	hold func(types.UID) time.Duration
	// admit waits until a write may begin. The time for the write begins after that. nil for at once.
	admit func(context.Context) error

	pace    timing.Pace
	number  int                        // of the policy which pace and right are about
	right   *unstructured.Unstructured // the last live object which was right: if there is one, somebody spoiled it since
	history revision                   // known to be no longer the live one: writing to it again would be a conflict
	told    bool                       // whether foreign was told of
	foreign []ForeignEntry             // the entries that are not ours
	called  map[string]string          // where the entries that are ours went when they were last seen, by name
	insists insistence                 // who keeps CAs of his own in the caBundles
	filled  bool                       // whether nothing has been missing once since the policy changed
	late    lateness                   // since when there has been what is too much
	due     due                        // since when a write has been due
}

// due is what a write has been due of, and since when.
type due struct {
	at     revision
	number int
	since  time.Time
}

// revision identifies one state of one object.
type revision struct {
	uid types.UID
	rv  string
}

func revisionOf(obj *unstructured.Unstructured) revision {
	return revision{obj.GetUID(), obj.GetResourceVersion()}
}

// revision identifies what is known. That there is no object is a state too, until the API server's next answer.
func (s state) revision() revision {
	if s.live == nil {
		return revision{rv: "absent since answer " + strconv.Itoa(s.answers)}
	}
	return revisionOf(s.live)
}
