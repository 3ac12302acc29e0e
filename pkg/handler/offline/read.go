// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// stdin is how standard input is called, on the command line and in reports.
const stdin = "-"

// manifests are everything that was read.
type manifests struct {
	objects  []object
	problems []problem
	names    []string // of the files
	skipped  int      // documents in directories that are no objects
}

// read reads files, directories with all that is below them, and "-", which is standard input. In a directory only
// files named .yaml, .yml and .json count, and documents that say nothing of a kind or are for kustomize do not: what
// else is in a repository is not for us. Symbolic links in it are followed to files, but not to directories, which
// may have no end. The error is a path that cannot be read.
func read(paths []string, input io.Reader) (*manifests, error) {
	m := &manifests{}
	for _, path := range paths {
		if path == stdin {
			data, err := io.ReadAll(input)
			if err != nil {
				return nil, fmt.Errorf("reading standard input: %w", err)
			}
			m.add("stdin", data, true)
			continue
		}
		if err := m.walk(path); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *manifests) walk(root string) error {
	info, err := os.Stat(root)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return m.file(root, true)
	}
	// WalkDir does not follow a link, not even one that it begins with.
	resolved, err := filepath.EvalSymlinks(root)
	if err != nil {
		return err
	}
	return filepath.WalkDir(resolved, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if name := entry.Name(); path != resolved && strings.HasPrefix(name, ".") {
				return fs.SkipDir
			}
			return nil
		case !isManifest(path):
			return nil
		}
		below, err := filepath.Rel(resolved, path)
		if err != nil {
			return err
		}
		return m.file(filepath.Join(root, below), false)
	})
}

// file reads one file, or what a link leads to. In a directory what is no file does not count.
func (m *manifests) file(path string, named bool) error {
	info, err := os.Stat(path)
	if err != nil || !named && !info.Mode().IsRegular() {
		return err
	}
	data, err := os.ReadFile(path) //nolint:gosec // the paths are the user's own arguments
	if err != nil {
		return err
	}
	m.add(path, data, named)
	return nil
}

func isManifest(path string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(filepath.Ext(path)))
}

// add takes in the objects of a file. One that was named has to have nothing else in it.
func (m *manifests) add(file string, data []byte, named bool) {
	m.names = append(m.names, file)
	for _, d := range documents(data) {
		found, err := objectsOf(file, d)
		m.objects = append(m.objects, found...)
		switch {
		case err == nil:
		case errors.Is(err, errNoObject) && !named:
			m.skipped++
		default:
			m.problems = append(m.problems, problem{file: file, line: d.line, text: err.Error()})
		}
	}
}
