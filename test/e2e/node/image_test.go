// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node

package node

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/dockerfile"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/node"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

const (
	builtImage   = "localhost/hookstrap:dockerfile"
	builtVersion = "v0.0.0-dockerfile"
)

// TestDockerfile builds the image as users do, looks into it, and rolls it out in place of the one that all other tests
// run, under a stream of admissions.
func TestDockerfile(t *testing.T) {
	install(t)
	dir, err := imageDir(shared)
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	archive, err := dockerfile.Build(t.Context(), dir, dockerfile.Options{
		Source: site.Root(), Image: builtImage, Version: builtVersion,
		// The dot keeps the modules in there out of ./..., which would fail over them.
		Cache: filepath.Join(site.Root(), "bin", runtime.GOOS+"-"+runtime.GOARCH, ".image-build"),
	})
	must(t, err)
	built := contentsOf(t, archive, builtImage)
	t.Logf("image of the Dockerfile: %.1f MB compressed, %.1f MB uncompressed",
		float64(built.compressed)/1e6, float64(built.uncompressed)/1e6)
	// No shell, no tools, no files of the system's: nothing for anyone who gets in.
	want := contents{User: "65532:65532", Entrypoint: []string{"/webhook"}, Files: []string{"webhook -rwxr-xr-x"}}
	if diff := cmp.Diff(want, built, ignoreSizes()); diff != "" {
		t.Errorf("the image of the Dockerfile (-want +got):\n%s", diff)
	}
	// The tests' own image claims to be like it. What the file holds is no matter here.
	own := filepath.Join(dir, "own.tar")
	_, err = node.WebhookImage(builtImage, filepath.Join(site.Root(), "go.mod")).Write(own)
	must(t, err)
	if diff := cmp.Diff(built, contentsOf(t, own, builtImage), ignoreSizes()); diff != "" {
		t.Errorf("the image of the tests is not like that of the Dockerfile (-built +own):\n%s", diff)
	}
	must(t, shared.ImportImage(t.Context(), archive))
	rollOutImage(t)
}

func rollOutImage(t *testing.T) {
	t.Helper()
	s := startStream(t)
	patchDeployment(t, `{"spec": {"template": {"spec": {"containers": [
		{"name": "webhook", "image": "`+builtImage+`"}, {"name": "listener", "image": "`+builtImage+`"}]}}}}`)
	pods := awaitRolledOut(t, 2)
	s.wantNoneFailed(t)
	for _, pod := range pods {
		text := logOf(t, &pod, serverContainer)
		if !strings.Contains(text, builtVersion) {
			t.Errorf("pod %s does not run the image of the Dockerfile; its log: %s", pod.Name, text)
		}
	}
	install(t) // brings the other image back
	awaitRolledOut(t, 2)
}
