// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// keep is how many lines of compiler output an error quotes.
const keep = 30

// progress reads the output of `go build -v`: a line "go: downloading ..." for a module, a line with only an import
// path for a compiled package, anything else is a complaint. It is safe for concurrent use.
type progress struct {
	mu         sync.Mutex
	partial    []byte
	compiled   int
	downloaded int
	complaints []string
}

// Write implements io.Writer and never fails.
func (p *progress) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.partial = append(p.partial, data...)
	for {
		line, rest, found := bytes.Cut(p.partial, []byte("\n"))
		if !found {
			return len(data), nil
		}
		p.line(string(line))
		p.partial = rest
	}
}

func (p *progress) line(line string) {
	switch {
	case strings.HasPrefix(line, "go: downloading "):
		p.downloaded++
	case line != "" && !strings.ContainsAny(line, " \t:#"):
		p.compiled++
	default:
		p.complaints = append(p.complaints, line)
		if len(p.complaints) > keep {
			p.complaints = p.complaints[1:]
		}
	}
}

// String says how far the build is.
func (p *progress) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.compiled == 0 {
		return fmt.Sprintf("%d modules downloaded, linking or about to compile", p.downloaded)
	}
	return fmt.Sprintf("%d modules downloaded, %d packages compiled", p.downloaded, p.compiled)
}

// tail returns the last complaints.
func (p *progress) tail() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(append(slices.Clip(p.complaints), string(p.partial)), "\n")
}
