// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package listener

import (
	"errors"
	"fmt"
	"net"
	"strings"
)

// A conversation is one message each way, a line of text which may carry a socket. After that nothing is said, and the
// connection stands for the server's life: its end tells the other side.
const (
	preamble = "hookstrap-listener/1 "
	// want asks the holder for the listener, offer gives it to the holder.
	want, offer = "want", "offer"
	// done answers both; with it comes the listener that was wanted.
	done = "done"
	// refused is followed by a reason.
	refused = "refused: "

	maxMessage = 1 << 10
)

// send says text, and passes s along unless it is none.
func send(conn *net.UnixConn, text string, s socket) error {
	line := preamble + strings.ReplaceAll(text, "\n", "; ")
	line = line[:min(len(line), maxMessage-1)] + "\n"
	if _, _, err := conn.WriteMsgUnix([]byte(line), s.rights(), nil); err != nil {
		return fmt.Errorf("talking through %s: %w", conn.LocalAddr(), err)
	}
	return nil
}

// receive returns what the other side says, and the socket that came along, which is none if there was none.
func receive(conn *net.UnixConn) (string, socket, error) {
	data := make([]byte, maxMessage)
	rights := make([]byte, roomForRights())
	n, rightsLen, flags, _, err := conn.ReadMsgUnix(data, rights)
	if err != nil {
		return "", none(), fmt.Errorf("waiting for a message: %w", err)
	}
	s, err := passed(rights[:rightsLen])
	if err != nil {
		return "", none(), err
	}
	text, known := strings.CutPrefix(string(data[:n]), preamble)
	text, whole := strings.CutSuffix(text, "\n")
	if !known || !whole || truncated(flags) {
		s.closeUnlessNone()
		return "", none(), errors.New("the other side does not speak this protocol, or another version of it")
	}
	return text, s, nil
}
