// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

// mapField reads a map without copying it; nil when there is none. A nil map may be read.
func mapField(obj map[string]any, path ...string) map[string]any {
	for _, key := range path {
		obj, _ = obj[key].(map[string]any)
	}
	return obj
}

// listField reads a list of maps without copying it.
func listField(obj map[string]any, key string) []map[string]any {
	list, _ := obj[key].([]any)
	var maps []map[string]any
	for _, item := range list {
		if m, ok := item.(map[string]any); ok {
			maps = append(maps, m)
		}
	}
	return maps
}
