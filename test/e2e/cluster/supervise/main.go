// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// exitUsage is for a command line that cannot be acted on; 127 is what a shell says of a command it cannot start.
const (
	exitUsage    = 2
	exitNotFound = 127
)

func main() {
	// The parent-death signal is tied to the thread that starts the child, not to the process. Without the lock the
	// runtime may end that thread, and with it the child, at any time.
	runtime.LockOSThread()
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

type options struct {
	parent  int
	remove  string
	pidFile string
	unshare bool
	join    string
	command []string
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("supervise", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.parent, "parent", 0, "process id whose end ends the command")
	flags.StringVar(&o.remove, "remove", "", "directory to remove when the parent is gone")
	flags.StringVar(&o.pidFile, "pid-file", "", "file to write the command's process id to")
	flags.BoolVar(&o.unshare, "unshare", false, "run the command as process 1 of new namespaces (Linux, root)")
	flags.StringVar(&o.join, "join", "", "file with the id of a process whose namespaces the command joins (Linux, root)")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	o.command = flags.Args()
	if o.parent <= 0 {
		return options{}, errors.New("--parent must be a process id: pass the id of the process that starts supervise")
	}
	if len(o.command) == 0 {
		return options{}, errors.New("no command: put it after --")
	}
	return o, nil
}

func run(args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "supervise: %v\n", err)
		return exitUsage
	}
	dir, err := claim(o.remove)
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "supervise: %v\n", err)
		return exitUsage
	}
	// From here on a signal must not end supervise by itself: it would leave the child alone.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	code := exitNotFound
	if child, err := start(o, stdout, stderr); err != nil {
		_, _ = fmt.Fprintf(stderr, "supervise: %v\n", err)
	} else {
		code = watch(child, o.parent, signals)
	}
	if orphaned(o.parent) {
		elsewhere(dir.remove)
	}
	return code
}

// elsewhere calls f on another thread: the calling one may be in the command's namespaces, where the network is another
// and the directory full of mounts.
func elsewhere(f func()) {
	var other sync.WaitGroup
	other.Go(f)
	other.Wait()
}

func orphaned(parent int) bool { return os.Getppid() != parent }

// watch returns the child's exit code once it has ended, and sees to it that it ends.
func watch(c *child, parent int, signals <-chan os.Signal) int {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case code := <-c.done:
			return code
		case s := <-signals:
			c.stop(s)
		case <-c.overdue:
			c.kill()
		case <-tick.C:
			if orphaned(parent) {
				c.kill()
			}
		}
	}
}
