// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hookstrap/hookstrap/internal/serving"
	"github.com/hookstrap/hookstrap/test/ports"
)

// usage is what a server has used up so far.
type usage struct {
	CPU     time.Duration `json:"cpu"`
	Mallocs uint64        `json:"mallocs"`
	Bytes   uint64        `json:"bytes"`
	RSS     int           `json:"rss"`  // in KiB
	Peak    int           `json:"peak"` // of RSS
}

// serveAs is a server that does as it is told on its standard input, a word for each line: "usage" is answered with
// one, "rotate" with an empty line when a new certificate is served. It ends with its input.
func serveAs(kind string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	free, err := ports.Free(ctx, 1)
	if err != nil {
		return err
	}
	state := &serving.State{}
	if err := rotate(state); err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- listenAs(ctx, kind, free[0], state) }()
	fmt.Println(free[0])
	if file := os.Getenv("HOOKSTRAP_BENCH_PROFILE"); file != "" {
		profile, err := os.Create(file + "." + kind) //nolint:gosec // the path is the developer's
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(profile); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	return obey(state, failed)
}

func obey(state *serving.State, failed <-chan error) error {
	// A read that blocks in the kernel would keep the one processor until the scheduler takes it away, which may be ten
	// milliseconds later. This one waits as those of connections do.
	if err := syscall.SetNonblock(syscall.Stdin, true); err != nil {
		return err
	}
	orders := bufio.NewScanner(os.NewFile(uintptr(syscall.Stdin), "orders"))
	for orders.Scan() {
		select {
		case err := <-failed:
			return err
		default:
		}
		switch orders.Text() {
		case "usage":
			report, err := json.Marshal(used())
			if err != nil {
				return err
			}
			fmt.Println(string(report))
		case "rotate":
			if err := rotate(state); err != nil {
				return err
			}
			fmt.Println()
		}
	}
	return orders.Err()
}

func used() usage {
	var cpu syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &cpu)
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return usage{
		CPU:     time.Duration(cpu.Utime.Nano() + cpu.Stime.Nano()),
		Mallocs: memory.Mallocs, Bytes: memory.TotalAlloc, RSS: status("VmRSS:"), Peak: status("VmHWM:"),
	}
}

// status is a number of KiB from /proc/self/status; 0 where there is none.
func status(name string) int {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == name {
			n, _ := strconv.Atoi(fields[1])
			return n
		}
	}
	return 0
}

// rotate serves a new certificate.
func rotate(state *serving.State) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: serverName},
		DNSNames: []string{serverName}, NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	pair, err := serving.NewPair([]*x509.Certificate{leaf}, key, nil)
	if err != nil {
		return err
	}
	state.Set(pair)
	return nil
}
