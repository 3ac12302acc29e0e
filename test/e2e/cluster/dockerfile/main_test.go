// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node && linux

package dockerfile_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/dockerfile"
)

// envVictim makes the test binary build an image until it is killed. Its value is the directory with all that it uses.
const envVictim = "DOCKERFILE_TEST_VICTIM"

// What is in that directory.
const (
	temp     = "temp"     // the temporary directory
	source   = "source"   // what is built
	archives = "archives" // where the archive would be
	cache    = "cache"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(envVictim); dir != "" {
		fmt.Fprintln(os.Stderr, "the victim was not killed:", playVictim(dir))
		os.Exit(1)
	}
	// Whom a victim leaves behind becomes a child of this process, and cannot hide.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func playVictim(dir string) error {
	_, err := dockerfile.Build(context.Background(), filepath.Join(dir, archives), dockerfile.Options{
		Source: filepath.Join(dir, source), Image: "localhost/hookstrap:victim", Version: "v0.0.0-victim",
		Cache: filepath.Join(dir, cache),
	})
	return err
}
