// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

package main

import (
	"errors"
	"syscall"
)

var errNoNamespaces = errors.New("only Linux has namespaces: leave --unshare and --join out")

func unshared(*syscall.SysProcAttr) error { return errNoNamespaces }

func join(string, *syscall.SysProcAttr) error { return errNoNamespaces }
