// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package request

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ProveKubeconfig makes sure that [Kubeconfig.Write] can write to path, and leaves nothing behind. It is for before the
// certificate is asked for: one cannot be taken back that was issued.
func ProveKubeconfig(path string) error {
	if err := prove(path); err != nil {
		return fmt.Errorf("kubeconfig %s cannot be written, name a new or a regular file, in a directory that is there "+
			"and that this user may write: %w", path, err)
	}
	return nil
}

// prove does once what writeFile will have to do, when somebody is still looking.
func prove(path string) error {
	file, err := createBeside(path)
	if err != nil {
		return err
	}
	return unnamed(errors.Join(file.Close(), os.Remove(file.Name())))
}

// writeFile replaces path at once by a file of mode 0600, whatever mode the old one had.
func writeFile(path string, content []byte) error {
	file, err := createBeside(path)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return unnamed(errors.Join(err, os.Remove(file.Name())))
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return unnamed(errors.Join(err, os.Remove(file.Name())))
	}
	return nil
}

// createBeside makes the file that is going to take the place of path, with mode 0600.
func createBeside(path string) (*os.File, error) {
	if err := replaceable(path); err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	return file, unnamed(err)
}

// replaceable refuses what a rename would take away without writing to it: a device such as /dev/stdout, a pipe, or a
// link, whose file would stay as it was.
func replaceable(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return unnamed(err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("what is there is no regular file (mode %s)", info.Mode())
	default:
		return nil
	}
}

// unnamed takes the name of the file out of an error: a temporary one says nothing to a person, and path is said.
func unnamed(err error) error {
	if inner := (*fs.PathError)(nil); errors.As(err, &inner) {
		return inner.Err
	}
	if inner := (*os.LinkError)(nil); errors.As(err, &inner) {
		return inner.Err
	}
	return err
}
