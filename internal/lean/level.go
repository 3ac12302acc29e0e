// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lean

import "encoding/json"

// Valid says whether data is one value in JSON, of any encoding, as Kubernetes' decoder takes it.
func Valid(data []byte) bool {
	end := skip(data, 0)
	return end != bad && space(data, end) == len(data) || json.Valid(data) // which takes more levels
}

// Fields goes over the members of an object, in its order. The object is [Valid]. A name has its quotes and its escape
// sequences; one may occur twice.
func Fields(object []byte, visit func(name, value []byte)) {
	for i := space(object, space(object, 0)+1); object[i] != '}'; {
		end := skipString(object, i)
		value := space(object, skipColon(object, end))
		after := skipValid(object, value)
		visit(object[i:end], object[value:after:after])
		i = next(object, after)
	}
}

// Items goes over the items of a list. The list is [Valid].
func Items(list []byte, visit func(item []byte)) {
	for i := space(list, space(list, 0)+1); list[i] != ']'; {
		after := skipValid(list, i)
		visit(list[i:after:after])
		i = next(list, after)
	}
}

// next goes from the end of a member or an item to the next one, or to the closing bracket.
func next(data []byte, i int) int {
	if i = space(data, i); data[i] == ',' {
		return space(data, i+1)
	}
	return i
}
