// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lean

import json "github.com/go-json-experiment/json"

// Members goes over the members of the JSON object that data begins with, as far as data has come, until visit returns
// false. A value is all of data from its first byte on. An object that visit looks into is passed over afterwards. It
// also ends behind what has more than 64 levels: a member that was not visited may be there. [Fields] visits all.
func Members(data []byte, visit func(name string, value []byte) bool) {
	i := space(data, 0)
	if i >= len(data) || data[i] != '{' {
		return
	}
	for more := true; more; {
		begin := space(data, i+1)
		end := skipString(data, begin)
		value := skipColon(data, end)
		if value == bad {
			return
		}
		if value = space(data, value); !visit(unquoted(data[begin+1:end-1]), data[value:]) {
			return
		}
		i, more = advance(data, skip(data, value), '}')
		i-- // the comma
	}
}

// Text returns the string that a value begins with, and "" if it is none or has not come as a whole.
func Text(value []byte) string {
	var text string
	if end := skipString(value, 0); end == bad || json.Unmarshal(value[:end], &text) != nil {
		return ""
	}
	return text
}
