// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// open returns a Directory below a temporary one.
func open(t *testing.T) *Directory {
	t.Helper()
	d, err := OpenDirectory(filepath.Join(t.TempDir(), "certificates"))
	if err != nil {
		t.Fatalf("OpenDirectory: %v", err)
	}
	return d
}

func save(t *testing.T, d *Directory, p *Pair) {
	t.Helper()
	if err := d.Save(p, ""); err != nil {
		t.Fatalf("Save: %v", err)
	}
}

// wantLoad fails the test unless the directory holds the pair, for Load and for a reader of the visible files.
func wantLoad(t *testing.T, d *Directory, want *Pair) {
	t.Helper()
	got, err := d.Load()
	if err != nil || !got.Equal(want) {
		t.Fatalf("Load = %v, %v, want %v", got, err, want)
	}
	visible, err := ParsePair(read(t, d.Path(), "tls.crt"), read(t, d.Path(), "tls.key"), read(t, d.Path(), "ca.crt"))
	if err != nil || !visible.Equal(want) {
		t.Fatalf("the visible files hold %v, %v, want %v", visible, err, want)
	}
}

// read returns what is in a file, nil if it is missing.
func read(t *testing.T, elements ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(elements...))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return data
}

func write(t *testing.T, data []byte, elements ...string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(elements...), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// names returns what is in a directory, generations as "GENERATION".
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, "..2") {
			name = "GENERATION"
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

func TestDirectoryKeepsTheLastPairSaved(t *testing.T) {
	root, d := newRoot(t, "root"), open(t)
	if pair, err := d.Load(); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("Load of an empty directory = %v, %v, want fs.ErrNotExist", pair, err)
	}
	for range 3 {
		pair := newPair(t, root)
		save(t, d, pair)
		wantLoad(t, d, pair)
		want := []string{"..data", "GENERATION", "ca.crt", "tls.crt", "tls.key"}
		if diff := cmp.Diff(want, names(t, d.Path())); diff != "" {
			t.Errorf("in the directory (-want +got):\n%s", diff)
		}
	}
	again, err := OpenDirectory(d.Path())
	if err != nil {
		t.Fatal(err)
	}
	if pair, err := again.Load(); err != nil || pair == nil {
		t.Errorf("Load after a restart = %v, %v", pair, err)
	}
}

func TestDirectoryWithoutCAs(t *testing.T) {
	root, d := newRoot(t, "root"), open(t)
	save(t, d, newPair(t, root))
	with := newPair(t, root)
	bare, err := NewPair(with.chain, with.key, nil)
	if err != nil {
		t.Fatal(err)
	}
	save(t, d, bare)
	wantLoad(t, d, bare)
	if slices.Contains(names(t, d.Path()), "ca.crt") {
		t.Error("the CA of the pair before is still visible")
	}
	save(t, d, with)
	wantLoad(t, d, with)
}

func TestDirectoryIsForItsOwnerAlone(t *testing.T) {
	d := open(t)
	save(t, d, newPair(t, newRoot(t, "root")))
	current, err := generation(d.Path())
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]fs.FileMode{
		d.Path():                           fs.ModeDir | 0o700,
		current:                            fs.ModeDir | 0o700,
		filepath.Join(current, "tls.crt"):  0o600,
		filepath.Join(current, "tls.key"):  0o600,
		filepath.Join(current, "ca.crt"):   0o600,
		filepath.Join(d.Path(), "tls.key"): 0o600,
	} {
		info, err := os.Stat(path)
		if err != nil || info.Mode() != want {
			t.Errorf("%s has mode %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
}

// TestDirectoryIsNeverSeenHalfWritten reads without a pause while 200 pairs are saved, each with CAs of its own, so that
// a CA or a key of another pair would show.
func TestDirectoryIsNeverSeenHalfWritten(t *testing.T) {
	d := open(t)
	pairs, known := make([]*Pair, 201), map[string]*Pair{}
	for i := range pairs {
		pairs[i] = newPair(t, newRoot(t, "root"))
		known[pairs[i].Fingerprint()] = pairs[i]
	}
	save(t, d, pairs[0])
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for finished := false; !finished; {
				select {
				case <-done:
					finished = true
				default:
				}
				got, err := d.Load()
				if err != nil {
					t.Errorf("Load between two saves: %v", err)
					return
				}
				if !got.Equal(known[got.Fingerprint()]) {
					t.Errorf("Load mixes pairs: leaf %v with %d CAs", got, len(got.CAs()))
					return
				}
			}
		})
	}
	for _, pair := range pairs[1:] {
		save(t, d, pair)
	}
	close(done)
	readers.Wait()
	wantLoad(t, d, pairs[200])
}

func TestDirectorySavesConcurrently(t *testing.T) {
	root, d := newRoot(t, "root"), open(t)
	var writers sync.WaitGroup
	for range 8 {
		pair := newPair(t, root)
		writers.Go(func() {
			if err := d.Save(pair, ""); err != nil {
				t.Errorf("Save: %v", err)
			}
		})
	}
	writers.Wait()
	pair, err := d.Load()
	if err != nil {
		t.Fatal(err)
	}
	wantLoad(t, d, pair)
}

// TestDirectoryAfterACrash leaves behind what a Save leaves when it is killed at its worst moments.
func TestDirectoryAfterACrash(t *testing.T) {
	root := newRoot(t, "root")
	for name, crash := range map[string]func(t *testing.T, dir string){
		"while writing files": func(t *testing.T, dir string) {
			next := filepath.Join(dir, "..2026_01_31_12_00_00.42")
			if err := os.Mkdir(next, 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, []byte("-----BEGIN"), next, "tls.key")
		},
		"before the swap": func(t *testing.T, dir string) {
			if _, err := writeGeneration(dir, map[string][]byte{"tls.crt": nil}); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("..2026_01_31_12_00_00.42", filepath.Join(dir, "..data_tmp")); err != nil {
				t.Fatal(err)
			}
		},
		"while replacing a visible file": func(t *testing.T, dir string) {
			if err := os.Symlink("..data/tls.crt", filepath.Join(dir, "..tls.crt_tmp")); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, pair := open(t), newPair(t, root)
			save(t, d, pair)
			before := names(t, d.Path())
			crash(t, d.Path())
			wantLoad(t, d, pair)
			again, err := OpenDirectory(d.Path())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, names(t, d.Path())); diff != "" {
				t.Errorf("in the directory after opening it again (-want +got):\n%s", diff)
			}
			next := newPair(t, root)
			save(t, again, next)
			wantLoad(t, again, next)
		})
	}
}

func TestDirectoryHealsFromDamage(t *testing.T) {
	root := newRoot(t, "root")
	for name, damage := range map[string]func(t *testing.T, dir string){
		"half a key": func(t *testing.T, dir string) {
			write(t, read(t, dir, "tls.key")[:50], dir, "tls.key")
		},
		"another key":   func(t *testing.T, dir string) { write(t, keyPEM(t, newPair(t, root)), dir, "tls.key") },
		"an empty file": func(t *testing.T, dir string) { write(t, nil, dir, "tls.crt") },
		"a file too large": func(t *testing.T, dir string) {
			write(t, make([]byte, maxFileSize+1), dir, "ca.crt")
		},
		"a directory for a key": func(t *testing.T, dir string) {
			key := filepath.Join(dir, "..data", "tls.key")
			if err := errors.Join(os.Remove(key), os.Mkdir(key, 0o700)); err != nil {
				t.Fatal(err)
			}
		},
		"only the key is gone": func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "..data", "tls.key")); err != nil {
				t.Fatal(err)
			}
		},
		"the generation is gone": func(t *testing.T, dir string) {
			current, err := generation(dir)
			if err := errors.Join(err, os.RemoveAll(current)); err != nil {
				t.Fatal(err)
			}
		},
		"everything is gone": func(t *testing.T, dir string) {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			save(t, d, newPair(t, root))
			damage(t, d.Path())
			if pair, err := d.Load(); err == nil || !strings.Contains(err.Error(), d.Path()) {
				t.Errorf("Load = %v, %v, want an error that names the directory", pair, err)
			}
			next := newPair(t, root)
			save(t, d, next)
			wantLoad(t, d, next)
		})
	}
}

func TestDirectoryTakesOverPlainFilesAndLeavesOthersAlone(t *testing.T) {
	root, dir := newRoot(t, "root"), t.TempDir()
	plain := newPair(t, root)
	write(t, plain.CertPEM(), dir, "tls.crt")
	write(t, keyPEM(t, plain), dir, "tls.key")
	write(t, plain.CAPEM(), dir, "ca.crt")
	others := []string{"README", "..note", "..2026", "..tls.crt_old"}
	for _, name := range others {
		write(t, []byte("mine"), dir, name)
	}
	d, err := OpenDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	wantLoad(t, d, plain)
	next := newPair(t, root)
	save(t, d, next)
	wantLoad(t, d, next)
	for _, name := range others {
		if string(read(t, dir, name)) != "mine" {
			t.Errorf("%s is gone", name)
		}
	}
}

// TestSaveWithoutACALeavesSomebodyElsesAlone: only a name that we made is taken away.
func TestSaveWithoutACALeavesSomebodyElsesAlone(t *testing.T) {
	root, elsewhere := newRoot(t, "root"), filepath.Join(t.TempDir(), "elsewhere.crt")
	write(t, []byte("mine"), elsewhere)
	for name, put := range map[string]func(ca string) error{
		"a file":          func(ca string) error { return os.WriteFile(ca, []byte("mine"), 0o600) },
		"a link":          func(ca string) error { return os.Symlink(elsewhere, ca) },
		"a dangling link": func(ca string) error { return os.Symlink("nowhere", ca) },
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			ca := filepath.Join(d.Path(), "ca.crt")
			must(t, put(ca))
			before, err := os.Lstat(ca)
			must(t, err)
			save(t, d, withoutCA(t, newPair(t, root)))
			if after, err := os.Lstat(ca); err != nil || !os.SameFile(before, after) {
				t.Errorf("ca.crt is %v, %v, want it as it was", after, err)
			}
			next := newPair(t, root)
			save(t, d, next)
			wantLoad(t, d, next)
		})
	}
}

func withoutCA(t *testing.T, p *Pair) *Pair {
	t.Helper()
	pair, err := ParsePair(p.CertPEM(), keyPEM(t, p), nil)
	must(t, err)
	return pair
}

func TestOpenDirectoryWhereThereCannotBeOne(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, nil, file)
	for path, want := range map[string]string{
		file: "is no directory: name another path", filepath.Join(file, "below"): "mount a volume",
	} {
		_, err := OpenDirectory(path)
		if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), want) {
			t.Errorf("OpenDirectory(%s) = %v, want an error with the path and what to do", path, err)
		}
	}
}

func TestOpenDirectoryWithoutPermission(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Chmod(filepath.Dir(dir), 0o755)) // Others may look, so that the error has something to say.
	must(t, os.Chmod(dir, 0o500))
	var err error
	asOrdinaryUser(t, func() { _, err = OpenDirectory(dir) })
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "mode dr-x------") {
		t.Errorf("OpenDirectory = %v, want an error that shows the mode", err)
	}
}

func TestSaveFailsWithoutLosingThePairOrLeavingAKey(t *testing.T) {
	root, d := newRoot(t, "root"), open(t)
	pair := newPair(t, root)
	save(t, d, pair)
	// A directory with something in it cannot be replaced by the link that Save makes on its way.
	if err := os.MkdirAll(filepath.Join(d.Path(), "..data_tmp", "blocker"), 0o700); err != nil {
		t.Fatal(err)
	}
	err := d.Save(newPair(t, root), "")
	if err == nil || !strings.Contains(err.Error(), d.Path()) {
		t.Errorf("Save = %v, want an error that names the directory", err)
	}
	wantLoad(t, d, pair)
	want := []string{"..data", "GENERATION", "ca.crt", "tls.crt", "tls.key"}
	if diff := cmp.Diff(want, names(t, d.Path())); diff != "" {
		t.Errorf("left behind (-want +got):\n%s", diff)
	}
}
