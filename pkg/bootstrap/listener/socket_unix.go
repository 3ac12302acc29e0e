// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package listener

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// copyOf returns another descriptor of the same socket.
func copyOf(listener *net.TCPListener) (socket, error) {
	raw, err := listener.SyscallConn()
	if err != nil {
		return socket{}, fmt.Errorf("copying a listener: %w", err)
	}
	s := socket{fd: -1}
	controlErr := raw.Control(func(fd uintptr) {
		s.fd, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err := errors.Join(controlErr, err); err != nil {
		return socket{}, fmt.Errorf("copying a listener: %w", err)
	}
	return s, nil
}

func (s socket) close() { _ = unix.Close(s.fd) } // It has no data that could be lost.

// listensOn returns the port.
func (s socket) listensOn() (int, error) {
	if listening, err := unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || listening == 0 {
		return 0, errors.New("what was passed is no listening socket")
	}
	address, err := unix.Getsockname(s.fd)
	if err != nil {
		return 0, fmt.Errorf("the socket that was passed: %w", err)
	}
	switch address := address.(type) {
	case *unix.SockaddrInet4:
		return address.Port, nil
	case *unix.SockaddrInet6:
		return address.Port, nil
	default:
		return 0, errors.New("the socket that was passed is not one of TCP")
	}
}

// rights are what passes the socket along with a message.
func (s socket) rights() []byte {
	if s == none() {
		return nil
	}
	return unix.UnixRights(s.fd)
}

// roomForRights is enough for one descriptor: the kernel closes what is too much, and says so.
func roomForRights() int { return unix.CmsgSpace(4) }

func truncated(flags int) bool { return flags&unix.MSG_CTRUNC != 0 }

// passed is the socket among rights. Alignment may leave room for a second descriptor, which is not wanted.
func passed(rights []byte) (socket, error) {
	s := none()
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil {
		return s, fmt.Errorf("reading what was passed: %w", err)
	}
	for _, message := range messages {
		descriptors, err := unix.ParseUnixRights(&message)
		if err != nil {
			continue // Something else, such as credentials.
		}
		for _, fd := range descriptors {
			s.closeUnlessNone()
			s = socket{fd: fd}
		}
	}
	return s, nil
}
