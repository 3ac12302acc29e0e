// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handlertest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/hookstrap/hookstrap/pkg/handlertest"
)

// failed is the panic with which a fatalRecorder ends a test.
type failed string

// fatalRecorder is a recorder of a test that ends.
type fatalRecorder struct{ recorder }

func (*fatalRecorder) Fatalf(format string, args ...any) { panic(failed(fmt.Sprintf(format, args...))) }

// What no webhook is asked about is not taken for a good object.
func TestNoObject(t *testing.T) {
	for manifest, want := range map[string]string{
		"# nothing\n---\n": "0 documents",
		"{apiVersion: v1, kind: List, items: [" + barePod + "]}": "it is a List, which no webhook is asked about: write each of its items by itself",
		"{apiVersion: v1, metadata: {name: web}}":                "it lacks apiVersion or kind",
		barePod + "\n---\n" + barePod + "\n---\n" + barePod:      "3 documents",
	} {
		for name, test := range map[string]func(t *fatalRecorder){
			"Expect":      func(r *fatalRecorder) { handlertest.Expect(r, ownerHandler(t, ""), manifest) },
			"UpdatesPass": func(r *fatalRecorder) { handlertest.UpdatesPass(r, ownerHandler(t, ""), manifest) },
			"Idempotent":  func(r *fatalRecorder) { handlertest.Idempotent(r, lossy{}, manifest) },
		} {
			func() {
				defer func() {
					got, _ := recover().(failed)
					if name != "UpdatesPass" && !strings.Contains(string(got), want) || got == "" {
						t.Errorf("%s of %q fails with %q, want %q", name, manifest, got, want)
					}
				}()
				test(&fatalRecorder{recorder{TB: t}})
			}()
		}
	}
}

// Each kind of file is read, and what is wanted, behind whatever an editor has written.
func TestExpectFilesOfAnyName(t *testing.T) {
	directory := t.TempDir()
	for name, text := range map[string]string{
		"a.yml": "%s", "b.yaml": "\ufeff%s\n---\n# the end\n", "c.json": "%s",
	} {
		pod := `{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "` + name + `"}}`
		text = fmt.Sprintf(text, "# want: deny: one: is bad\n"+pod)
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	h := handlerOf(t, func(pod *corev1.Pod) string {
		seen[pod.Name] = true
		return "is bad"
	})
	handlertest.ExpectFiles(t, directory, handlertest.Alone(h))
	if len(seen) != 3 {
		t.Errorf("of three files these were read: %v", seen)
	}
}
