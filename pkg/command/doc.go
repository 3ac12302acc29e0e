// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package command is the command line of a webhook: serve, check, issue, request, listen, distrust, doctor and version,
// for any list of checks. A program with checks of its own is one call of [Run]:
//
//	func main() {
//		os.Exit(command.Run(context.Background(), os.Args[1:], command.Options{
//			Name: "my-webhook", Definitions: append(check.Definitions(), myCheck()),
//		}))
//	}
package command
