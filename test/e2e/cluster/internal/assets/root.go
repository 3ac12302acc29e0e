// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/mod/modfile"
)

// ModulePath is the module whose go.mod marks the root of the repository.
const ModulePath = "github.com/hookstrap/hookstrap"

// FindRoot returns the closest directory at or above dir that holds the go.mod of [ModulePath]. Nested modules, such
// as the one which pins the components, are passed by.
func FindRoot(dir string) (string, error) {
	start, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("resolving %s: %w", dir, err)
	}
	for at := start; ; at = filepath.Dir(at) {
		path, err := modulePath(filepath.Join(at, "go.mod"))
		switch {
		case err != nil:
			return "", err
		case path == ModulePath:
			return at, nil
		case at == filepath.Dir(at):
			return "", fmt.Errorf("no go.mod of %s at or above %s: run this from inside the repository",
				ModulePath, start)
		}
	}
}

// modulePath returns the module named by a go.mod file, or "" when there is no such file.
func modulePath(file string) (string, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading %s to find the repository's root: %w", file, err)
	}
	return modfile.ModulePath(data), nil
}
