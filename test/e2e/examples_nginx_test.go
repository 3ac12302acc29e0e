// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node && linux

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestExampleNginx runs nginx, as Debian has it, with the configuration and the script of examples/nginx in front of its
// plain server: the API server is answered before and after the certificate is renewed. `make e2e` runs it.
func TestExampleNginx(t *testing.T) {
	t.Parallel()
	e := newSidecarExample(t, "nginx")
	if command := strings.Join(e.container(t, "server").Command, " "); command != "sh /program/start.sh" {
		t.Fatalf("nginx is started by %q", command)
	}
	files := filepath.Join(site.Root(), "examples", "nginx")
	app, own := freeAddress(t), t.TempDir()
	inBackground(t, []string{"ADDRESS=" + app}, "python3", "-u", filepath.Join(files, "app.py"))
	text, err := os.ReadFile(filepath.Join(files, "nginx.conf"))
	must(t, err)
	here := strings.NewReplacer("/run/nginx", own, "/serving", e.serving, "listen 9443", "listen "+e.address,
		"127.0.0.1:8080;", app+";")
	config := filepath.Join(own, "nginx.conf")
	must(t, os.WriteFile(config, []byte(here.Replace(string(text))), 0o600))
	inBackground(t, []string{"PATH=" + filepath.Dir(nginx(t)) + ":" + os.Getenv("PATH")},
		"sh", filepath.Join(files, "start.sh"), config, e.serving)
	e.wantCalledThroughARenewal(t, "the program behind nginx says no")
}

// nginx is the program of the distribution, which is not installed.
func nginx(t *testing.T) string {
	t.Helper()
	fetch := exec.CommandContext(t.Context(), filepath.Join(site.Root(), "hack", "fetch-nginx"), t.TempDir())
	fetch.Stderr = os.Stderr
	path, err := fetch.Output()
	must(t, err)
	return strings.TrimSpace(string(path))
}
