// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// temporarySuffix marks a link that was made and not yet renamed to where it belongs.
const temporarySuffix = "_tmp"

// generationPattern is the name of a new generation for [os.MkdirTemp]: the time helps people, the random part that
// MkdirTemp adds makes it unique.
func generationPattern() string {
	return time.Now().UTC().Format("..2006_01_02_15_04_05.*")
}

// writeGeneration writes the files into a new directory below dir and returns its name. Only its owner may enter it.
func writeGeneration(dir string, contents map[string][]byte) (string, error) {
	path, err := os.MkdirTemp(dir, generationPattern())
	if err != nil {
		return "", err
	}
	for name, data := range contents {
		if err := writeSynced(filepath.Join(path, name), data); err != nil {
			return "", errors.Join(err, os.RemoveAll(path))
		}
	}
	if err := syncDirectory(path); err != nil {
		return "", errors.Join(err, os.RemoveAll(path))
	}
	return filepath.Base(path), nil
}

// writeSynced writes a new file with mode 0600, whatever the umask, and returns when it is on the disk.
func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(filepath.Clean(path), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close())
}

// syncDirectory returns when the names in a directory are on the disk: syncing a file does not sync its name.
func syncDirectory(path string) error {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// relink makes dir/name a symbolic link to target in one step, whatever file or link was there.
func relink(dir, name, target string) error {
	temporary := filepath.Join(dir, temporaryName(name))
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Symlink(target, temporary); err != nil {
		return err
	}
	if err := os.Rename(temporary, filepath.Join(dir, name)); err != nil {
		return fmt.Errorf("%w, move away what is there", errors.Join(err, os.Remove(temporary)))
	}
	return nil
}

// temporaryName begins with two dots, so that no one takes it for a file of the pair.
func temporaryName(name string) string {
	return ".." + strings.TrimPrefix(name, "..") + temporarySuffix
}

// sweep removes all generations but the current one, and links that were never renamed into place. Nothing else in
// the directory is touched.
func sweep(dir string) error {
	current, err := os.Readlink(filepath.Join(dir, dataLink))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	ours := regexp.MustCompile(`^\.\.(\d{4}(_\d\d){5}\.\d+|(data|[a-z]+\.(crt|key))_tmp)$`)
	var errs []error
	for _, e := range entries {
		if ours.MatchString(e.Name()) && e.Name() != filepath.Base(current) {
			errs = append(errs, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}
