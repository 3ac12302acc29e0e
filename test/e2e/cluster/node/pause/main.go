// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Pause is process 1 of a node, and of each of its pods: it keeps their namespaces, and collects the processes whose
// parents have ended. It ends at once when it is told to.
package main

import (
	"errors"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGCHLD)
	for s := range signals {
		if s != syscall.SIGCHLD {
			return
		}
		collect()
	}
}

// collect collects all that have ended: the signals of several may have become one.
func collect() {
	for {
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if pid <= 0 && !errors.Is(err, syscall.EINTR) {
			return
		}
	}
}
