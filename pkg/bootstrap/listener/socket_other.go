// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package listener

import (
	"errors"
	"net"
)

// Elsewhere no socket can be passed: a server binds the port itself, and a holder fails.

func copyOf(*net.TCPListener) (socket, error) { return none(), errors.ErrUnsupported }

func (s socket) close() {}

func (s socket) listensOn() (int, error) { return 0, errors.ErrUnsupported }

func (s socket) rights() []byte { return nil }

func roomForRights() int { return 0 }

func truncated(int) bool { return false }

func passed([]byte) (socket, error) { return none(), nil }
