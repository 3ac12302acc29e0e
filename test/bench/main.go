// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// options are what a run consists of.
type options struct {
	sizes       []int // of the reviews, in bytes
	connections []int
	servers     []string
	duration    time.Duration // of each measurement
	rotation    bool          // measure rotations, too
	output      string
}

func main() {
	serve := flag.String("serve", "", "serve as one of the servers; for the program itself")
	duration := flag.Duration("duration", 4*time.Second, "how long to measure each of the combinations")
	sizes := flag.String("sizes", "2000,8800,50000,1000000", "sizes of the reviews, in bytes")
	connections := flag.String("connections", "1,16,64", "numbers of connections")
	servers := flag.String("servers", allServers, "servers to measure")
	rotation := flag.Bool("rotation", true, "measure what a rotation of the certificate does, too")
	output := flag.String("output", "dist/bench.json", "file for the results as JSON")
	flag.Parse()
	var err error
	if *serve != "" {
		err = serveAs(*serve)
	} else {
		leaveTheFirstProcessor()
		err = run(options{
			sizes: numbers(*sizes), connections: numbers(*connections), servers: strings.Split(*servers, ","),
			duration: *duration, rotation: *rotation, output: *output,
		})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func numbers(list string) []int {
	var numbers []int
	for text := range strings.SplitSeq(list, ",") {
		if n, err := strconv.Atoi(text); err == nil {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// leaveTheFirstProcessor makes this program start again on all processors but the first, which is the servers'.
func leaveTheFirstProcessor() {
	const mark = "HOOKSTRAP_BENCH_PINNED"
	taskset, err := exec.LookPath("taskset")
	if err != nil || runtime.NumCPU() < 2 || os.Getenv(mark) != "" {
		return
	}
	self, err := os.Executable()
	if err != nil {
		return
	}
	args := append([]string{taskset, "-c", fmt.Sprintf("1-%d", runtime.NumCPU()-1), self}, os.Args[1:]...)
	_ = syscall.Exec(taskset, args, append(os.Environ(), mark+"=1")) //nolint:gosec // it is this program
}
