// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package listener_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/hookstrap/hookstrap/internal/lifecycle"
	"github.com/hookstrap/hookstrap/pkg/bootstrap/listener"
)

// A connection that is made while there is no server is answered by the next one.
func ExampleAcquire() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	dir, err := os.MkdirTemp("", "example") // in a Pod, an emptyDir of the two containers
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	options := listener.Options{Socket: filepath.Join(dir, "socket"), Address: "127.0.0.1:0"}

	// One process, or `webhook listen`.
	holder, err := listener.Hold(ctx, listener.HolderOptions{
		Socket: options.Socket, Address: options.Address, ReleaseAfter: time.Minute,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() { _ = holder.Run(ctx) }()

	// Another process, which ends without having accepted anything.
	first, err := listener.Acquire(ctx, options)
	if err != nil {
		fmt.Println(err)
		return
	}
	address := first.Addr().String()
	_ = first.Close()
	client, err := net.Dial("tcp", address)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, _ = io.WriteString(client, "GET / HTTP/1.0\r\n\r\n")

	// Its successor.
	second, err := listener.Acquire(ctx, options)
	if err != nil {
		fmt.Println(err)
		return
	}
	go second.Share(ctx)
	go func() {
		_ = lifecycle.NewServer(ctx, second, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTeapot)
		}), lifecycle.ServerOptions{Name: "example"}).Serve(ctx)
	}()
	line := make([]byte, len("HTTP/1.0 418"))
	_, err = io.ReadFull(client, line)
	fmt.Println(string(line), err)
	// Output: HTTP/1.0 418 <nil>
}
