// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestVocabulary finds the words that we do not use, which CONTRIBUTING.md lists: in comments of Go files, in texts that
// the program says, on pages and in manifests.
func TestVocabulary(t *testing.T) {
	unused := unusedWords(t)
	for _, file := range files(t, ".go") {
		for position, text := range proseOfGo(t, file) {
			complain(t, unused, position, text)
		}
	}
	for _, file := range append(files(t, ".md", ".yaml", ".yml", ".json", ".toml", ".mod"), "../Makefile", "../Dockerfile") {
		text := read(t, file)
		if file == "../CONTRIBUTING.md" {
			before, after, _ := strings.Cut(text, "\n## Words\n")
			_, after, _ = strings.Cut(after, "\n## ")
			text = before + after
		}
		for i, line := range strings.Split(text, "\n") {
			complain(t, unused, file+":"+strconv.Itoa(i+1), line)
		}
	}
}

func complain(t *testing.T, unused *regexp.Regexp, position, text string) {
	t.Helper()
	for _, word := range unused.FindAllString(text, -1) {
		t.Errorf("%s: %q is a word that we do not use; CONTRIBUTING.md says what to write", position, word)
	}
}

// unusedWords are those of the second column of the table.
func unusedWords(t *testing.T) *regexp.Regexp {
	t.Helper()
	_, section, _ := strings.Cut(read(t, "../CONTRIBUTING.md"), "\n## Words\n")
	section, _, _ = strings.Cut(section, "\nThese have one meaning")
	var words []string
	for _, row := range regexp.MustCompile(`(?m)^\| [^|]+ \| ([^|]+) \|$`).FindAllStringSubmatch(section, -1) {
		for word := range strings.SplitSeq(row[1], ",") {
			if word = strings.TrimSpace(word); word != "do not write" {
				words = append(words, strings.ReplaceAll(regexp.QuoteMeta(word), " ", `\s+`))
			}
		}
	}
	if len(words) < 10 {
		t.Fatalf("CONTRIBUTING.md lists only the words %q", words)
	}
	return regexp.MustCompile(`(?i)\b(` + strings.Join(words, "|") + `)\b`)
}

// proseOfGo is what people read of a Go file, by its position: comments, and what is quoted, unless a test quotes it.
func proseOfGo(t *testing.T, path string) map[string]string {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	prose := map[string]string{}
	for _, comment := range file.Comments {
		prose[set.Position(comment.Pos()).String()] = strings.ReplaceAll(comment.Text(), "\n", " ")
	}
	if strings.HasSuffix(path, "_test.go") {
		return prose
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			prose[set.Position(literal.Pos()).String()] = literal.Value
		}
		return true
	})
	return prose
}
