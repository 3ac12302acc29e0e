// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal is a terminal for a program, and what a person sees of it.
func terminal(t *testing.T) (program, screen *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = screen.Close() })
	fd := int(screen.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = program.Close() })
	return program, screen
}

// Severities have colors on a terminal, unless its user wants none, and nowhere else.
func TestDoctorColors(t *testing.T) {
	for _, noColor := range []string{"", "1"} {
		t.Setenv("NO_COLOR", noColor)
		program, screen := terminal(t)
		var stderr bytes.Buffer
		if code := Run(t.Context(), []string{"doctor", "-f", "-"}, Options{
			Stdin: strings.NewReader(chart), Stdout: program, Stderr: &stderr}); code != exitFailure {
			t.Fatalf("exit code %d: %s", code, &stderr)
		}
		var seen []byte
		for part := make([]byte, 4096); !bytes.Contains(seen, []byte("handshakes made")); {
			n, err := screen.Read(part)
			if err != nil {
				t.Fatal(err)
			}
			seen = append(seen, part[:n]...)
		}
		if isColored := bytes.Contains(seen, []byte("\x1b[31merror")); isColored != (noColor == "") {
			t.Errorf("NO_COLOR=%q: %q", noColor, seen)
		}
	}
	var out bytes.Buffer
	Run(t.Context(), []string{"doctor", "-f", "-"}, Options{Stdin: strings.NewReader(chart), Stdout: &out, Stderr: &out})
	if !strings.Contains(out.String(), "error") || strings.Contains(out.String(), "\x1b") {
		t.Errorf("a file has colors, or nothing: %q", &out)
	}
}
