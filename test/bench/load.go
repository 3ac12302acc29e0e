// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
)

// load is what a number of clients send to a server. Each sends one review after another. They are not net/http's
// clients, because those would be busier than the server.
type load struct {
	address     string
	body        []byte
	connections int
	perDial     int // reviews for each connection before it is made again; 0 stands for any number
}

// clients are those of one load. Their connections stay open between one time and the next.
type clients []*client

func (l load) clients() clients {
	all := make(clients, l.connections)
	for i := range all {
		all[i] = &client{load: l, request: l.request()}
	}
	return all
}

func (all clients) close() {
	for _, c := range all {
		c.close()
	}
}

// apply loads the server for a time, and returns how long each review took.
func (all clients) apply(ctx context.Context, duration time.Duration) ([]time.Duration, error) {
	group, ctx := errgroup.WithContext(ctx)
	took := make([][]time.Duration, len(all))
	end := time.Now().Add(duration)
	for i, c := range all {
		group.Go(func() error {
			for time.Now().Before(end) {
				begin := time.Now()
				if err := c.send(ctx); err != nil {
					return err
				}
				took[i] = append(took[i], time.Since(begin))
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.Concat(took...), nil
}

func (l load) request() []byte {
	head := fmt.Sprintf("POST %s?timeout=10s HTTP/1.1\r\nHost: %s:443\r\nUser-Agent: kube-apiserver-admission\r\n"+
		"Accept: application/json\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
		path, serverName, len(l.body))
	return append([]byte(head), l.body...)
}

// client sends reviews one after another over a connection.
type client struct {
	load
	request []byte
	conn    net.Conn
	reader  *bufio.Reader
	sent    int
}

func (c *client) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

func (c *client) send(ctx context.Context) error {
	if c.perDial > 0 && c.sent%c.perDial == 0 {
		c.close()
	}
	if c.conn == nil {
		//nolint:gosec // The certificate is made for the run, and so is the load.
		dialer := tls.Dialer{Config: &tls.Config{ServerName: serverName, InsecureSkipVerify: true}}
		conn, err := dialer.DialContext(ctx, "tcp", c.address)
		if err != nil {
			return err
		}
		c.conn, c.reader = conn, bufio.NewReader(conn)
	}
	c.sent++
	if err := c.conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return err
	}
	if _, err := c.conn.Write(c.request); err != nil {
		return fmt.Errorf("sending a review: %w", err)
	}
	return c.receive()
}

// receive reads a response, which must say that the Pod is allowed.
func (c *client) receive() error {
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return fmt.Errorf("reading a response: %w", err)
	}
	if !bytes.Contains(line, []byte(" 200 ")) {
		return fmt.Errorf("the response is %q", line)
	}
	length := 0
	for len(bytes.TrimSpace(line)) > 0 {
		if line, err = c.reader.ReadSlice('\n'); err != nil {
			return fmt.Errorf("reading the header of a response: %w", err)
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(value)))
		}
	}
	body, err := c.reader.Peek(length)
	if err != nil || !bytes.Contains(body, []byte(`"allowed":true`)) {
		return fmt.Errorf("the answer is %q: %w", body, orEOF(err))
	}
	_, err = c.reader.Discard(length)
	return err
}

func orEOF(err error) error {
	if err == nil {
		return io.ErrUnexpectedEOF
	}
	return err
}
