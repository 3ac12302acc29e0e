// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// Directory keeps one pair on disk, so that it outlives the process or can be read by another one. Readers never see
// the files of two pairs mixed, and a crash leaves the pair before or the pair after, whole. Files are readable and
// writable by their owner alone (0600). It is meant for a memory-backed emptyDir: the key should not outlive the
// pod.
//
// A Directory is safe for concurrent use. There must be one writer to a directory; readers may be any number.
type Directory struct {
	path string
	mu   sync.Mutex // held while writing
}

// OpenDirectory makes sure that path is a directory that can be written, creates it with mode 0700 when it is
// missing, and removes what an interrupted [Directory.Save] left behind.
func OpenDirectory(path string) (*Directory, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("finding certificate directory %q: %w", path, err)
	}
	d := &Directory{path: absolute}
	if info, err := os.Stat(absolute); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("certificate directory %s is no directory: name another path", absolute)
	}
	if err := d.prove(); err != nil {
		return nil, fmt.Errorf("certificate directory %s cannot be used (%s), mount a volume there that this user "+
			"may read, write and enter: %w", absolute, permissions(absolute), err)
	}
	return d, nil
}

// prove does once what Save will have to do, when somebody is still looking.
func (d *Directory) prove() error {
	if err := os.MkdirAll(d.path, 0o700); err != nil {
		return err
	}
	probe, err := os.MkdirTemp(d.path, generationPattern())
	if err != nil {
		return err
	}
	return errors.Join(os.Remove(probe), sweep(d.path))
}

// permissions says who may use path and who is asking.
func permissions(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Sprintf("user %d, missing", os.Getuid())
	}
	return fmt.Sprintf("user %d, mode %s", os.Getuid(), info.Mode())
}

// Path returns the absolute path of the directory.
func (d *Directory) Path() string { return d.path }

// Load returns the pair in the directory. The error is [fs.ErrNotExist] in the sense of [errors.Is] when there is
// none, and says what is wrong with the files otherwise; in both cases saving a pair puts it right.
func (d *Directory) Load() (*Pair, error) {
	return readPair(d.path)
}

// Save makes p the pair in the directory, for good once it returns: files and directories are synced. When it fails
// there is one whole pair in the directory all the same: the one before, or p when only the cleaning up failed. Unless
// it is "", origin is noted with the pair, for [Directory.Origin].
func (d *Directory) Save(p *Pair, origin string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.save(p, origin)
	// Also after a failure: what was written by then holds a key.
	if err := errors.Join(err, sweep(d.path)); err != nil {
		return fmt.Errorf("saving key pair %s to certificate directory %s failed (%s), make room there or put the "+
			"permissions right: %w", p, d.path, permissions(d.path), err)
	}
	return nil
}

// Origin is what was noted with the pair in the directory, "" when nothing was.
func (d *Directory) Origin() string {
	current, err := generation(d.path)
	if err != nil {
		return ""
	}
	note, err := readFile(current, originFile)
	if err != nil {
		return ""
	}
	return string(note)
}

// originFile is in the directory of a generation, and has no visible name: it is only for ourselves.
const originFile = "origin"

func (d *Directory) save(p *Pair, origin string) error {
	key, err := p.KeyPEM()
	if err != nil {
		return err
	}
	contents := map[string][]byte{certFile: p.CertPEM(), keyFile: key}
	if ca := p.CAPEM(); ca != nil {
		contents[caFile] = ca
	}
	if origin != "" {
		contents[originFile] = []byte(origin)
	}
	if err := os.MkdirAll(d.path, 0o700); err != nil {
		return err
	}
	next, err := writeGeneration(d.path, contents)
	if err != nil {
		return err
	}
	return publish(d.path, next, []string{certFile, keyFile, caFile})
}

// publish makes next the current generation. Its files become visible by one rename, all together.
func publish(dir, next string, names []string) error {
	for _, name := range names {
		if err := exposeNew(dir, name); err != nil {
			return err
		}
	}
	if err := relink(dir, dataLink, next); err != nil {
		return err
	}
	for _, name := range names {
		if err := exposeOver(dir, name); err != nil {
			return err
		}
	}
	return syncDirectory(dir)
}

// exposeNew makes the visible name of a file where there is none yet. It dangles until the generation is swapped in.
func exposeNew(dir, name string) error {
	err := os.Symlink(filepath.Join(dataLink, name), filepath.Join(dir, name))
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// exposeOver replaces a visible file that somebody put where the link belongs, now that the new one is in place, and
// takes away our name of a file which this generation does not have. A file of somebody else stays then: there is
// nothing to put in its place.
func exposeOver(dir, name string) error {
	target := filepath.Join(dataLink, name)
	now, err := os.Readlink(filepath.Join(dir, name))
	ours := err == nil && now == target
	_, err = os.Stat(filepath.Join(dir, target))
	switch missing := errors.Is(err, fs.ErrNotExist); {
	case missing && ours:
		return os.Remove(filepath.Join(dir, name))
	case missing || ours:
		return nil
	default:
		return relink(dir, name, target)
	}
}
