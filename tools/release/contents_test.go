// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"debug/buildinfo"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdxlib"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hookstrap/hookstrap/pkg/command"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
)

func linuxArchive() string { return release{version: testVersion}.named("linux_amd64.tar.gz") }

// unpack returns what is in a tar archive, compressed or not.
func unpack(t *testing.T, data []byte) map[string][]byte {
	t.Helper()
	var from io.Reader = bytes.NewReader(data)
	if unzipped, err := gzip.NewReader(from); err == nil {
		from = unzipped
	} else {
		from = bytes.NewReader(data)
	}
	files := map[string][]byte{}
	for r := tar.NewReader(from); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[header.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

func (r *testRelease) testArchives(t *testing.T) {
	for _, p := range r.platforms {
		files := unpack(t, r.read(t, release{version: testVersion}.named(p.os+"_"+p.arch+".tar.gz")))
		info, err := buildinfo.Read(bytes.NewReader(files["webhook"]))
		if err != nil {
			t.Errorf("%s: %v", p, err)
			continue
		}
		settings := map[string]string{}
		for _, s := range info.Settings {
			settings[s.Key] = s.Value
		}
		if settings["GOOS"] != p.os || settings["GOARCH"] != p.arch || settings["-tags"] != "" || settings["-trimpath"] != "true" {
			t.Errorf("%s: compiled with %v", p, settings)
		}
		if !bytes.Contains(files["LICENSE"], []byte("Apache License")) {
			t.Errorf("%s: there is no license", p)
		}
	}
	if !bytes.Contains(unpack(t, r.read(t, linuxArchive()))["webhook"], []byte(testVersion)) {
		t.Error("the binary does not know its version")
	}
}

// Every command and every flag has its place in a page, and man can format it.
func (r *testRelease) testManPages(t *testing.T) {
	files := unpack(t, r.read(t, linuxArchive()))
	pages := 0
	err := visit(command.Command(command.Options{Definitions: check.Definitions()}), func(cmd *cobra.Command) error {
		name := "man/man1/" + strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1"
		page := string(files[name])
		if !strings.Contains(page, ".SH NAME\n") || !strings.Contains(page, "hookstrap "+testVersion) {
			t.Errorf("%s is no man page of this version:\n%.200s", name, page)
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && f.Deprecated == "" && !strings.Contains(page, `\fB--`+f.Name+`\fP`) {
				t.Errorf("%s does not have --%s", name, f.Name)
			}
		})
		pages++
		return nil
	})
	if err != nil || pages < 15 {
		t.Errorf("%d commands have pages: %v", pages, err)
	}
}

func (r *testRelease) testManifests(t *testing.T) {
	text := string(r.read(t, "install.yaml"))
	images := regexp.MustCompile(`(?m)^ +image: (.*)$`).FindAllStringSubmatch(text, -1)
	name, err := release{root: r.roots[0]}.imageName()
	if err != nil {
		t.Fatal(err)
	}
	for _, image := range images {
		if image[1] != name+":"+testVersion {
			t.Errorf("a container has the image %s", image[1])
		}
	}
	if len(images) != 2 {
		t.Errorf("%d containers have images, want 2", len(images))
	}
	for _, kind := range []string{"Namespace", "Deployment", "ValidatingWebhookConfiguration", "ClusterRole"} {
		if !strings.Contains(text, "\nkind: "+kind+"\n") {
			t.Errorf("there is no %s", kind)
		}
	}
}

func (r *testRelease) testChart(t *testing.T) {
	files := unpack(t, r.read(t, "hookstrap-0.0.1-test.tgz"))
	got := string(files["hookstrap/Chart.yaml"])
	if !strings.Contains(got, "\nversion: 0.0.1-test\n") || !strings.Contains(got, "\nappVersion: \""+testVersion+"\"\n") {
		t.Errorf("the chart is of another version:\n%s", got)
	}
	want, err := filesBelow(filepath.Join(r.roots[0], chartDir))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range want {
		if e.name == "Chart.yaml" || e.name == ".helmignore" {
			continue
		}
		if !bytes.Equal(files["hookstrap/"+e.name], e.data) {
			t.Errorf("the archive has another %s than the repository", e.name)
		}
	}
	if len(files) != len(want)-1 {
		t.Errorf("%d files, want %d: all but .helmignore", len(files), len(want)-1)
	}
}

func TestChartVersion(t *testing.T) {
	for version, want := range map[string]string{
		"v1.2.3": "1.2.3", "v1.2.3-rc.1": "1.2.3-rc.1", "v1.2.3-4-gabc": "1.2.3-4-gabc", "0510306": "0.0.0-g0510306",
		"dev": "0.0.0-gdev", "v1.2": "0.0.0-gv1.2", "v1.2.3x": "0.0.0-gv1.2.3x", "xv1.2.3": "0.0.0-gxv1.2.3",
	} {
		if got := chartVersion(version); got != want {
			t.Errorf("%s: %s, want %s", version, got, want)
		}
	}
	for name, want := range map[string]bool{
		"templates/a.yaml": false, "values.yaml": false, ".helmignore": true, ".DS_Store": true, "a.tmp": true, "templates/a.yaml~": true, "values.yaml.orig": true,
	} {
		if got := ignoredByHelm(name); got != want {
			t.Errorf("%s: ignored is %t", name, got)
		}
	}
}

// The document has, for each binary, what `go version -m` says of it.
func (r *testRelease) testSBOM(t *testing.T) {
	doc, err := json.Read(bytes.NewReader(r.read(t, release{version: testVersion}.named("sbom.spdx.json"))))
	if err != nil {
		t.Fatal(err)
	}
	if err := spdxlib.ValidateDocument(doc); err != nil {
		t.Error(err)
	}
	var got []string
	for _, rel := range doc.Relationships {
		if rel.RefA.ElementRefID == "binary-linux-amd64" {
			for _, p := range doc.Packages {
				if p.PackageSPDXIdentifier == rel.RefB.ElementRefID {
					got = append(got, p.PackageName+" "+p.PackageVersion)
				}
			}
		}
	}
	path := filepath.Join(t.TempDir(), "webhook")
	if err := os.WriteFile(path, unpack(t, r.read(t, linuxArchive()))["webhook"], 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "go", "version", "-m", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, dep := range regexp.MustCompile(`(?m)^\tdep\t(\S+)\t(\S+)`).FindAllStringSubmatch(string(out), -1) {
		want := dep[1] + " " + dep[2]
		if !slices.Contains(got, want) {
			t.Errorf("the SBOM lacks %s", want)
		}
		got = slices.DeleteFunc(got, func(each string) bool { return each == want })
	}
	if len(got) != 1 || !strings.HasPrefix(got[0], "stdlib ") {
		t.Errorf("the SBOM has what is not in the binary, or no standard library: %v", got)
	}
}
