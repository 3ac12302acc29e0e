// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
)

// writeArchives writes one archive for each platform: the binary, its man pages and the license.
func (r release) writeArchives(dist string, binaries []binary) error {
	pages, err := manPages(r.version, r.date)
	if err != nil {
		return err
	}
	license, err := os.ReadFile(filepath.Join(r.root, "LICENSE"))
	if err != nil {
		return err
	}
	for _, b := range binaries {
		program, err := os.ReadFile(b.path)
		if err != nil {
			return err
		}
		entries := append([]entry{{"webhook", 0o755, program}, {"LICENSE", 0o644, license}}, pages...)
		archive, err := tarball(r.date, entries)
		if err != nil {
			return err
		}
		if archive, err = gzipped(archive); err != nil {
			return err
		}
		name := r.named(b.platform.os + "_" + b.platform.arch + ".tar.gz")
		if err := writeFile(dist, name, archive); err != nil {
			return err
		}
	}
	return nil
}

// writeFile writes what is to be published, readable by all.
func writeFile(dir, name string, data []byte) error {
	return os.WriteFile(filepath.Join(dir, name), data, 0o644) // #nosec G306
}
