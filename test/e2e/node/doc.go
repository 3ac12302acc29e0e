// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package node holds the tests on a real node: our image in pods, behind a Service, called by the API server as in any
// cluster. They need root on Linux; `make e2e` installs and builds what they need, and runs them. The build tag "node"
// keeps them out of `make test`.
//
// All tests share one cluster, so that they run one after the other. [cluster/node] starts it.
//
// [cluster/node]: https://pkg.go.dev/github.com/hookstrap/hookstrap/test/e2e/cluster/node
package node
