// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// chartDir is where the chart is.
const chartDir = "charts/hookstrap"

// writeChart writes the chart's archive with the versions of this release, as `helm package --version --app-version`
// does, but without the times of the files.
func (r release) writeChart(dist string, _ []binary) error {
	dir := filepath.Join(r.root, chartDir)
	entries, err := filesBelow(dir)
	if err != nil {
		return err
	}
	entries = slices.DeleteFunc(entries, func(e entry) bool { return ignoredByHelm(e.name) })
	found := false
	for i, e := range entries {
		if e.name == "Chart.yaml" {
			entries[i].data, found = []byte(withVersions(string(e.data), r.version)), true
		}
		entries[i].name = "hookstrap/" + e.name
	}
	if !found {
		return fmt.Errorf("%s/Chart.yaml is missing", chartDir)
	}
	archive, err := tarball(r.date, entries)
	if err != nil {
		return err
	}
	if archive, err = gzipped(archive); err != nil {
		return err
	}
	return writeFile(dist, "hookstrap-"+chartVersion(r.version)+".tgz", archive)
}

// chartVersion is a version as charts have it: SemVer 2, without a v. What git calls a commit without a tag is none.
func chartVersion(version string) string {
	if regexp.MustCompile(`^v\d+\.\d+\.\d+(-|\+|$)`).MatchString(version) {
		return strings.TrimPrefix(version, "v")
	}
	return "0.0.0-g" + version
}

// withVersions is a Chart.yaml with the versions of a release.
func withVersions(chart, version string) string {
	chart = regexp.MustCompile(`(?m)^version:.*$`).ReplaceAllString(chart, "version: "+chartVersion(version))
	return regexp.MustCompile(`(?m)^appVersion:.*$`).ReplaceAllString(chart, `appVersion: "`+version+`"`)
}

// ignoredByHelm reports whether .helmignore names a file: what editors leave behind.
func ignoredByHelm(name string) bool {
	base := path.Base(name)
	return slices.Contains([]string{".helmignore", ".DS_Store"}, base) || strings.HasSuffix(base, "~") ||
		slices.Contains([]string{".tmp", ".orig"}, path.Ext(base))
}
