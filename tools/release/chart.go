// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// chartDir is where the chart is.
const chartDir = "charts/hookstrap"

// writeChart writes the chart's archive with the versions of this release, as `helm package --version --app-version`
// does, but without the times of the files. There is none where there is no chart.
func (r release) writeChart(dist string, _ []binary) error {
	dir := filepath.Join(r.root, chartDir)
	if _, err := os.Stat(dir); os.IsNotExist(err) {
		r.say("there is no " + chartDir)
		return nil
	}
	entries, err := filesBelow(dir)
	if err != nil {
		return err
	}
	// Helm packages neither what .helmignore names nor tests of the chart; those are not part of what is installed.
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

// chartVersion is a version as charts have it: SemVer 2, without a v.
func chartVersion(version string) string { return strings.TrimPrefix(version, "v") }

// withVersions is a Chart.yaml with the versions of a release.
func withVersions(chart, version string) string {
	chart = regexp.MustCompile(`(?m)^version:.*$`).ReplaceAllString(chart, "version: "+chartVersion(version))
	return regexp.MustCompile(`(?m)^appVersion:.*$`).ReplaceAllString(chart, `appVersion: "`+version+`"`)
}

// ignoredByHelm reports whether a file is not part of the archive.
func ignoredByHelm(name string) bool {
	return name == ".helmignore" || strings.HasSuffix(name, ".go") || strings.HasPrefix(name, "tests/")
}
