// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/sets"
)

// stdin is how standard input is called, on the command line and in reports.
const stdin = "-"

// manifests are everything that was read.
type manifests struct {
	objects  []object
	problems []problem
	names    []string // of the files
	skipped  int      // documents in directories that are no objects
	excluded int      // files and directories

	exclude []Exclusion
	named   sets.Set[string] // real paths of the files that were named
	read    sets.Set[string] // real paths of the files that were read
	sources sets.Set[string] // files and directories for other programs
}

// read reads files, directories with all that is below them, and "-", which is standard input. In a directory only
// files named .yaml, .yml and .json count, and documents that say nothing of a kind or are for kustomize do not: what
// else is in a repository is not for us. Symbolic links in it are followed to files, but not to directories, which
// may have no end. A file is read once, however often it is named, and not at all if it is excluded. The error is a
// path that was named and cannot be read.
func read(paths []string, input io.Reader, exclude ...Exclusion) (*manifests, error) {
	m := &manifests{
		named: sets.New[string](), read: sets.New[string](), sources: sets.New[string](), exclude: exclude,
	}
	for _, path := range paths {
		m.named.Insert(realPath(path))
	}
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
	switch {
	case err != nil:
		return err
	case m.isRootExcluded(root):
		m.excluded++
		return nil
	case !info.IsDir():
		return m.file(root, true)
	}
	// WalkDir does not follow a link, not even one that it begins with.
	resolved, err := filepath.EvalSymlinks(root)
	if err != nil {
		return err
	}
	return filepath.WalkDir(resolved, func(path string, entry fs.DirEntry, err error) error {
		below, outside := filepath.Rel(resolved, path)
		shown := filepath.Join(root, below)
		switch {
		case outside != nil:
			return outside
		case err != nil && path == resolved:
			return err
		case err != nil:
			m.unreadable(shown, 1, "it cannot be read: "+reason(err))
			return fs.SkipDir
		case path != resolved && m.isExcluded(shown):
			return m.leaveOut(entry)
		case entry.IsDir():
			if name := entry.Name(); path != resolved && strings.HasPrefix(name, ".") || m.sources.Has(path) {
				return fs.SkipDir
			}
			m.enter(path, shown)
		case isManifest(path) && !m.sources.Has(path):
			m.below(shown)
		}
		return nil
	})
}

// leaveOut counts what is excluded, of the files those that would have been read.
func (m *manifests) leaveOut(entry fs.DirEntry) error {
	if entry.IsDir() {
		m.excluded++
		return fs.SkipDir
	}
	if isManifest(entry.Name()) {
		m.excluded++
	}
	return nil
}

// below reads a file in a directory, or what a link there leads to. What cannot be read does not keep the rest from
// being judged. A link to nothing, as editors leave them, has nothing in it that could be let in.
func (m *manifests) below(path string) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		m.problems = append(m.problems, problem{
			file: path, line: 1, level: Warned, text: "it is a symbolic link to nothing, and was left out"})
		return
	case err == nil && !info.Mode().IsRegular():
		return
	case err == nil:
		err = m.file(path, m.named.Has(realPath(path)))
	}
	if err != nil {
		m.unreadable(path, 1, "it cannot be read: "+reason(err))
	}
}

// file reads one file, unless it has been read already.
func (m *manifests) file(path string, named bool) error {
	once := realPath(path)
	if m.read.Has(once) {
		return nil
	}
	data, err := os.ReadFile(path) //nolint:gosec // the paths are the user's own arguments
	if err != nil {
		return err
	}
	m.read.Insert(once)
	m.add(path, data, named)
	return nil
}

// realPath is the same for all names of a file.
func realPath(path string) string {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	}
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	return path
}

// reason is an error without the path, which is said already.
func reason(err error) string {
	if at := (*fs.PathError)(nil); errors.As(err, &at) {
		return at.Err.Error()
	}
	return err.Error()
}

func (m *manifests) unreadable(file string, line int, text string) {
	m.problems = append(m.problems, problem{file: file, line: line, level: Denied, unreadable: true, text: text})
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
		case d.err != nil:
			m.unreadable(file, cmp.Or(d.errLine, d.line), err.Error())
		default:
			m.problems = append(m.problems, problem{file: file, line: d.line, level: Denied, text: err.Error()})
		}
	}
}
