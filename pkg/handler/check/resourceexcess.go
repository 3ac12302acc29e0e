// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// excess is what is too much: an amount, or for a ratio a limit and its request. What is too little is one as well: its
// amount is negative, so that more of it is less of an excess.
type excess struct {
	resourceFault
	of      excessKind
	amount  *big.Rat
	request *big.Rat // nil unless it is a ratio
}

// excessKind is what can be too much of a container or Pod.
type excessKind struct{ field, resource string }

// excess says what is too much, or too little.
func (p resourcesCheck) excess(is corev1.ResourceRequirements, path *field.Path) []excess {
	return slices.Concat(p.tooMuch(is, path), p.tooLittle(is, path), p.tooFarApart(is, path))
}

// tooLittle says what is requested, but less than the least. A limit without a request counts as both. That nothing is
// requested is for RequireRequests to say.
func (p resourcesCheck) tooLittle(is corev1.ResourceRequirements, path *field.Path) []excess {
	var found []excess
	for _, name := range slices.Sorted(maps.Keys(p.MinRequests)) {
		q, ok := is.Requests[corev1.ResourceName(name)]
		if !ok {
			q, ok = is.Limits[corev1.ResourceName(name)]
		}
		least := resource.MustParse(p.MinRequests[name])
		if !ok || q.Cmp(least) >= 0 || q.Sign() == 0 && slices.Contains(p.RequireRequests, name) {
			continue
		}
		text := fmt.Sprintf("request of %s %s is less than %s", q.String(), name, least.String())
		found = append(found, excess{
			resourceFault: resourceFault{path.Child("requests").Key(name), text},
			of:            excessKind{"least", name}, amount: new(big.Rat).Neg(amount(q)),
		})
	}
	return found
}

// tooMuch says what is more than the most.
func (p resourcesCheck) tooMuch(is corev1.ResourceRequirements, path *field.Path) []excess {
	var found []excess
	for _, name := range slices.Sorted(maps.Keys(p.Max)) {
		most := resource.MustParse(p.Max[name])
		for _, part := range []struct {
			field string
			list  corev1.ResourceList
		}{{"requests", is.Requests}, {"limits", is.Limits}} {
			if q, ok := part.list[corev1.ResourceName(name)]; ok && q.Cmp(most) > 0 {
				text := fmt.Sprintf("%s of %s in %s is more than %s", q.String(), name, part.field, most.String())
				found = append(found, excess{
					resourceFault: resourceFault{path.Child(part.field).Key(name), text},
					of:            excessKind{part.field, name}, amount: amount(q),
				})
			}
		}
	}
	return found
}

// tooFarApart says which limits exceed their requests by too much.
func (p resourcesCheck) tooFarApart(is corev1.ResourceRequirements, path *field.Path) []excess {
	var found []excess
	for _, name := range slices.Sorted(maps.Keys(p.MaxLimitRequestRatio)) {
		if over, ok := tooFar(is, name, p.MaxLimitRequestRatio[name]); ok {
			over.path = path.Child("limits").Key(name)
			found = append(found, over)
		}
	}
	return found
}

// tooFar says whether a limit exceeds its request by more than the ratio. Without a request the two are the same.
func tooFar(is corev1.ResourceRequirements, name string, ratio float64) (excess, bool) {
	limit, limited := is.Limits[corev1.ResourceName(name)]
	request, requested := is.Requests[corev1.ResourceName(name)]
	if !limited || !requested || limit.Sign() <= 0 {
		return excess{}, false
	}
	over := excess{of: excessKind{"ratio", name}, amount: amount(limit), request: amount(request)}
	if over.amount.Cmp(new(big.Rat).Mul(exactly(ratio), over.request)) <= 0 {
		return excess{}, false
	}
	over.text = fmt.Sprintf("limit of %s %s is more than %g times the request of %s", limit.String(), name, ratio,
		request.String())
	return over, true
}

// exactly is the number that was written down: 1.4 is no number that a float64 could be, and the limit that is exactly
// 1.4 times its request would be more than what is.
func exactly(ratio float64) *big.Rat {
	return ratOf(strconv.FormatFloat(ratio, 'g', -1, 64))
}

// amount is a quantity without rounding. Its argument is a copy, since AsDec changes what it is called on.
func amount(q resource.Quantity) *big.Rat {
	if q.Sign() == 0 {
		return new(big.Rat) // however many zeros it was written with
	}
	return ratOf(q.AsDec().String())
}

func ratOf(text string) *big.Rat {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return new(big.Rat) // not for the text of a number
	}
	return r
}
