// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Command release writes what is published of a version, as `make release` does: the same bytes wherever and whenever
// it runs, for one commit and one version of Go. Nothing of the machine, of its clock or of the checkout's path goes
// in.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1) //nolint:forbidigo // This is a command.
	}
}

func run(ctx context.Context, args []string) error {
	r := release{log: os.Stdout}
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	flags.StringVar(&r.root, "root", "../..", "the repository")
	flags.StringVar(&r.output, "output", "", "directory to write to, emptied first (default dist in the repository)")
	flags.StringVar(&r.version, "version", "", "version to release, such as v1.2.3")
	platforms := flags.String("platforms", "linux/amd64,linux/arm64,darwin/amd64,darwin/arm64", "what to compile for")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if r.version == "" {
		return fmt.Errorf("-version is missing: it goes into the binaries, the image and the manifests")
	}
	var err error
	if r.root, err = filepath.Abs(r.root); err != nil {
		return err
	}
	if r.output == "" {
		r.output = filepath.Join(r.root, "dist")
	}
	if r.output, err = filepath.Abs(r.output); err != nil {
		return err
	}
	if r.platforms, err = parsePlatforms(*platforms); err != nil {
		return err
	}
	if r.date, err = sourceDate(ctx, r.root); err != nil {
		return err
	}
	return r.write(ctx)
}

// sourceDate is when the commit was made, or SOURCE_DATE_EPOCH
// (https://reproducible-builds.org/specs/source-date-epoch/).
func sourceDate(ctx context.Context, root string) (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		git := exec.CommandContext(ctx, "git", "-C", root, "log", "-1", "--format=%ct") // #nosec G204 -- our own flag.
		out, err := git.Output()
		if err != nil {
			return time.Time{}, fmt.Errorf("asking git for the time of the commit (or set SOURCE_DATE_EPOCH): %w", err)
		}
		text = strings.TrimSpace(string(out))
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not a number of seconds since 1970: %w", text, err)
	}
	return time.Unix(seconds, 0).UTC(), nil
}
