// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Command addons renders the charts of popular add-ons, judges them as the server would, and prints the table of
// docs/addons.md. `make addons` runs it.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := addons(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "addons:", err)
		os.Exit(1)
	}
}

// The marks on the page between which the table is.
const (
	begin = "<!-- begin addons -->\n"
	end   = "<!-- end addons -->"
)

func addons(ctx context.Context, args []string) error {
	var w workplace
	var j judging
	fs := flag.NewFlagSet("addons", flag.ContinueOnError)
	fs.StringVar(&w.dir, "cache", "bin/addons", "directory for charts and what is rendered of them")
	fs.StringVar(&w.git, "git", "https://github.com", "what the names of repositories are behind")
	fs.StringVar(&w.helm, "helm", "helm", "Helm")
	fs.StringVar(&j.webhook, "webhook", "bin/webhook", "the server's program")
	fs.StringVar(&j.configuration, "webhook-configuration", "manifests/base/validatingwebhookconfiguration.yaml",
		"the webhook configuration that says what the server is asked about")
	page := fs.String("page", "docs/addons.md", "page to write the table into")
	if err := fs.Parse(args); err != nil {
		return err
	}
	all, err := parse(pinned)
	if err != nil {
		return err
	}
	table, err := tableOf(ctx, w, j, all)
	fmt.Print(table)
	if err != nil {
		return err
	}
	return replace(*page, table)
}

// tableOf has the rows of all add-ons. The error is about those that have none.
func tableOf(ctx context.Context, w workplace, j judging, all []addon) (string, error) {
	var table bytes.Buffer
	table.WriteString(head)
	var errs []error
	for _, a := range all {
		fmt.Fprintln(os.Stderr, a.name)
		file, err := w.render(ctx, a)
		var v verdict
		if err == nil {
			v, err = j.verdict(ctx, a, file)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", a.name, err))
			continue
		}
		table.WriteString(row(a, v))
	}
	return table.String(), errors.Join(errs...)
}

const head = "| add-on | chart | judged | denied | by | exemption |\n|---|---|---|---|---|---|\n"

// row is the line of an add-on.
func row(a addon, v verdict) string {
	var exempt []string
	for _, e := range v.exempt {
		exempt = append(exempt, fmt.Sprintf("`{kinds: [%s], names: [%s], namespaces: [%s]}`",
			strings.Join(e.Kinds, ", "), strings.Join(e.Names, ", "), strings.Join(e.Namespaces, ", ")))
	}
	denied := "–"
	if v.denied > 0 {
		denied = strconv.Itoa(v.denied)
	}
	return fmt.Sprintf("| %s | [%s](https://github.com/%s/tree/%s/%s) | %d | %s | %s | %s |\n", a.name, a.tag,
		a.repository, a.commit, strings.TrimPrefix(a.path, "."), v.judged, denied, v.by,
		strings.Join(exempt, "<br>"))
}

// replace writes a table between the marks of a page.
func replace(path, table string) error {
	data, err := os.ReadFile(path) //nolint:gosec // the path is the user's own argument
	if err != nil {
		return err
	}
	before, rest, foundBegin := strings.Cut(string(data), begin)
	_, after, foundEnd := strings.Cut(rest, end)
	if !foundBegin || !foundEnd {
		return fmt.Errorf("%s lacks the marks %q and %q", path, strings.TrimSpace(begin), end)
	}
	return os.WriteFile(path, []byte(before+begin+table+end+after), 0o600) //nolint:gosec // As above.
}
