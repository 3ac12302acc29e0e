// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package clean

import (
	"fmt"
	"strings"
)

// Text names the namespaces, up to a number of them.
func (b Began) Text(most int) string {
	var names []string
	for _, namespace := range b.Namespaces[:min(len(b.Namespaces), most)] {
		if namespace == "" {
			namespace = "(objects in no namespace)"
		}
		names = append(names, namespace)
	}
	if rest := len(b.Namespaces) - len(names); rest > 0 {
		names = append(names, fmt.Sprintf("and %d more", rest))
	}
	return strings.Join(names, ", ")
}
