// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed addons.txt
var pinned string

// chart is a chart in a repository, at a commit.
type chart struct {
	name, repository, tag, commit, path string
}

// addon is a chart, and how it is installed.
type addon struct {
	chart
	namespace    string
	values       []string
	dependencies []chart
}

// parse reads a list of add-ons, as addons.txt says.
func parse(text string) ([]addon, error) {
	var all []addon
	for i, line := range strings.Split(text, "\n") {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] == "#" {
			continue
		}
		isDependency := fields[0] == "+"
		if isDependency {
			fields = fields[1:]
		}
		if len(fields) < 5 || isDependency != (len(fields) == 5) || isDependency && len(all) == 0 || len(fields[3]) != 40 {
			return nil, fmt.Errorf("line %d is neither an add-on nor a dependency of one: %q", i+1, line)
		}
		c := chart{fields[0], fields[1], fields[2], fields[3], fields[4]}
		if isDependency {
			last := &all[len(all)-1]
			last.dependencies = append(last.dependencies, c)
			continue
		}
		all = append(all, addon{chart: c, namespace: fields[5], values: fields[6:]})
	}
	return all, nil
}
