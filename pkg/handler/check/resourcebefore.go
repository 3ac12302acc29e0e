// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"math/big"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// excesses are what was too much before an update: by container, which is by its name, sort and image, and of the Pod.
// With another image a container is another one, as it may have been exempt for the image that it had.
type excesses struct {
	containers map[string][]excess
	pod        []excess
	images     sets.Set[string]
}

// before returns what was too much before an update. Nothing was if that is unknown, so that everything counts.
func (p resourcesCheck) before(req *handler.Request) excesses {
	if req.Operation != admissionv1.Update {
		return excesses{}
	}
	old, ok, err := resourcesBefore(req)
	if err != nil || !ok {
		return excesses{}
	}
	was := excesses{containers: map[string][]excess{}, images: sets.New(imageParts(old, everyContainer)...)}
	for _, c := range containersOf(old) {
		was.containers[c.imagePart()] = p.excess(c.Resources, nil)
	}
	was.pod = p.excessOfPod(old)
	return was
}

// isLessOf says whether a container had more of what it still has too much of.
func (e excesses) isLessOf(now excess, c podContainer) bool {
	return isLess(now, e.containers[c.imagePart()])
}

// isLessOfPod says so of a Pod, all of whose containers it had before.
func (e excesses) isLessOfPod(now excess, pod PodTemplate) bool {
	return isLess(now, e.pod) && e.images.HasAll(imageParts(pod, everyContainer)...)
}

// isLess does not count what has stayed as it was. To tell that it may stay is what the handler does, and for this the
// check has to say of the old object what is wrong with it.
func isLess(now excess, before []excess) bool {
	for _, was := range before {
		if was.of == now.of {
			return was.text != now.text && !now.exceeds(was)
		}
	}
	return false
}

// exceeds says whether there is more of it than before. Of a ratio whose request is nothing, the limit counts.
func (e excess) exceeds(was excess) bool {
	if e.request == nil || e.request.Sign() == 0 && was.request.Sign() == 0 {
		return e.amount.Cmp(was.amount) > 0
	}
	now, then := new(big.Rat).Mul(e.amount, was.request), new(big.Rat).Mul(was.amount, e.request)
	return now.Cmp(then) > 0
}
