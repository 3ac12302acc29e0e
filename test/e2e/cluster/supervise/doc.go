// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Supervise runs a command which must not outlive the process that started supervise, however that one ends.
//
//	supervise --parent PID [--remove DIR] [--pid-file FILE] [--unshare | --join FILE] -- COMMAND [ARG...]
//
// A test that is killed, panics or runs into its timeout runs no cleanup, and an etcd or a kube-apiserver it started
// would never end. So the test starts supervise, and supervise starts the component:
//
//   - It looks ten times a second whether its parent is still PID. The kernel gives an orphan another parent at once
//     on every Unix, so this needs no cooperation from the parent and works after SIGKILL.
//   - On Linux the component also gets a parent-death signal, so that it dies with supervise itself.
//   - SIGTERM and SIGINT are passed on. The component is in a process group of its own and therefore gets each signal
//     once, even from a sender that signals supervise's whole group: a second SIGTERM would make Kubernetes components
//     skip their graceful shutdown. One that has not ended 2 s after SIGTERM is killed.
//   - When the parent is gone, the last of several supervisors with the same --remove DIR removes DIR, and the control
//     groups and network devices of its name. Only a directory named hookstrap-* right in the temporary directory is
//     accepted.
//   - With --unshare (Linux, root) the component is process 1 of new namespaces for process ids, mounts, network, host
//     name and IPC. With --join it runs in those of the process whose id is in FILE, as another supervise wrote it with
//     --pid-file; it then ends with that process rather than with its supervise.
//   - It exits with the component's exit code, or with 128 + the signal that ended it.
package main
