// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build peers

package doctor_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestNginx is the matrix with nginx as Debian has it, which is fetched: `make test-doctor-peers` runs it.
func TestNginx(t *testing.T) {
	fetch := exec.CommandContext(t.Context(), filepath.Join(site.Root(), "hack", "fetch-nginx"), t.TempDir())
	fetch.Stderr = os.Stderr
	program, err := fetch.Output()
	must(t, err)
	t.Run("matrix", func(t *testing.T) { judge(t, rowsOfNginx(strings.TrimSpace(string(program)))) })
}

// rowsOfNginx are situations of nginx in front of a plain server.
func rowsOfNginx(nginx string) []row {
	start := func(listen string) func(t testing.TB, dir, address string) {
		return func(t testing.TB, dir, address string) {
			t.Helper()
			files, own := filepath.Join(site.Root(), "examples", "nginx"), t.TempDir()
			app := net.JoinHostPort("127.0.0.1", strconv.Itoa(clustertest.FreePort(t)))
			background(t, []string{"ADDRESS=" + app}, "python3", "-u", filepath.Join(files, "app.py"))
			awaitListening(t, app)
			text, err := os.ReadFile(filepath.Join(files, "nginx.conf"))
			must(t, err)
			here := strings.NewReplacer("/run/nginx", own, "/serving", dir, "listen 9443 ssl", "listen "+address+listen, "127.0.0.1:8080;", app+";")
			config := filepath.Join(own, "nginx.conf")
			must(t, os.WriteFile(config, []byte(here.Replace(string(text))), 0o600))
			background(t, nil, nginx, "-e", "stderr", "-c", config, "-g", "daemon off; master_process off;")
		}
	}
	const denial = "the program behind nginx says no"
	return []row{
		{"healthy, nginx", func(_ *testing.T, p *place) { p.program = program{denial: denial, start: start(" ssl")} }, nil},
		{"nginx: it is not reloaded", func(t *testing.T, p *place) {
			storedRenewed(t, p)
			p.program = program{denial: denial, start: start(" ssl"), after: func(t testing.TB, p *place, dir string) {
				t.Helper()
				p.write(t, dir, p.ca.signed(t, named(p.host()), valid(-day, 300*day)))
			}}
		}, []string{"certificate-older-than-stored"}},
		{"nginx: the word ssl is missing", func(_ *testing.T, p *place) {
			p.program = program{start: start(""), plain: true}
		}, []string{"server-speaks-no-tls"}},
		{"nginx: the intermediate is left out", func(t *testing.T, p *place) {
			p.serves(p.ca.signed(t, isCA, subject("intermediate")).signed(t, named(p.host())), false)
			p.program = program{denial: denial, start: start(" ssl")}
		}, []string{"certificate-untrusted"}},
	}
}
