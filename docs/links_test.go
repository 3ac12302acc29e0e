// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

var (
	codeOfPage = regexp.MustCompile("(?ms)^ *```.*?^ *```|`[^`\n]+`")
	linkOfPage = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading    = regexp.MustCompile(`(?m)^#{1,6} +(.+?)\s*$`)
	// linkOfCode is what a comment writes to name a section of a page: a path from the root of the repository.
	linkOfCode = regexp.MustCompile(`\b((?:[\w.-]+/)*[\w.-]+\.md)#([\p{L}\p{N}_-]+)`)
	// fileOfPage is what a page calls a Go file: a path, or the end of one.
	fileOfPage = regexp.MustCompile("`([\\w./-]+\\.go)`")
)

// Every link on a page leads to a file, and to a heading of it.
func TestLinks(t *testing.T) {
	links := 0
	for _, page := range pages(t) {
		for _, link := range linkOfPage.FindAllStringSubmatch(codeOfPage.ReplaceAllString(read(t, page), ""), -1) {
			if strings.Contains(link[1], "://") {
				continue
			}
			links++
			target, anchor, _ := strings.Cut(link[1], "#")
			if target == "" {
				target = path.Base(page)
			}
			if err := resolve(t, path.Join(path.Dir(page), target), anchor); err != nil {
				t.Errorf("%s: [...](%s): %v", page, link[1], err)
			}
		}
	}
	if links < 50 {
		t.Errorf("only %d links were found", links)
	}
}

// A section that code or a manifest names is there.
func TestLinksOfCode(t *testing.T) {
	for _, file := range files(t, ".go", ".yaml", ".yml", ".mod") {
		for _, link := range linkOfCode.FindAllStringSubmatch(read(t, file), -1) {
			// Of an address: alerts_test.go looks at those of ours, and controller-gen writes the other.
			if strings.Contains(link[1], "github.com") || strings.HasPrefix(link[1], "git.k8s.io/") {
				continue
			}
			if err := resolve(t, path.Join("..", link[1]), link[2]); err != nil {
				t.Errorf("%s: %s: %v", file, link[0], err)
			}
		}
	}
}

// A Go file that a page names is there.
func TestFilesOfPages(t *testing.T) {
	known := files(t, ".go")
	named := 0
	for _, page := range pages(t) {
		for _, file := range fileOfPage.FindAllStringSubmatch(read(t, page), -1) {
			named++
			if !slices.ContainsFunc(known, func(path string) bool { return strings.HasSuffix(path, "/"+file[1]) }) {
				t.Errorf("%s: there is no file %s", page, file[1])
			}
		}
	}
	if named < 30 {
		t.Errorf("only %d files were found", named)
	}
}

func resolve(t *testing.T, target, anchor string) error {
	t.Helper()
	if _, err := os.Stat(target); err != nil {
		return fmt.Errorf("finding the file: %w", err)
	}
	if anchor != "" && !anchors(read(t, target))[anchor] {
		return fmt.Errorf("%s has no heading #%s", target, anchor)
	}
	return nil
}

// anchors are those that GitHub makes of the headings of a page.
func anchors(page string) map[string]bool {
	made := map[string]bool{}
	page = regexp.MustCompile("(?ms)^ *```.*?^ *```").ReplaceAllString(page, "")
	for _, match := range heading.FindAllStringSubmatch(page, -1) {
		base := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsNumber(r), r == '-', r == '_':
				return unicode.ToLower(r)
			default:
				return -1
			}
		}, match[1])
		anchor := base
		for n := 1; made[anchor]; n++ {
			anchor = fmt.Sprintf("%s-%d", base, n)
		}
		made[anchor] = true
	}
	return made
}

func TestAnchors(t *testing.T) {
	made := anchors("# A b\n```sh\n# no heading\n```\n## `--flag`, and c's\n### A b\n## 第一步：密钥\n")
	for _, want := range []string{"a-b", "--flag-and-cs", "a-b-1", "第一步密钥"} {
		if !made[want] {
			t.Errorf("no anchor %s: %v", want, made)
		}
	}
	if len(made) != 4 {
		t.Errorf("%v", made)
	}
}
