// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package check has the built-in checks: one check, one file, one table test. [Definitions] lists them all, with their
// parameters, what they are good for, and an object that each denies and one that it admits; docs/checks.md is made of
// it.
//
// Checks of Pods look at Pods and at every built-in object which makes Pods of a template, so that the author of a
// Deployment hears of a problem at once, and not from the events of a ReplicaSet. [PodSpecOf] finds the Pod in such
// an object.
//
// Checks are plain values without state. What they say depends on the request alone, and for a few of them on what a
// cache of the cluster holds; none waits for the API server. To write your own, see
// [github.com/hookstrap/hookstrap/pkg/handler.CheckFor] and [github.com/hookstrap/hookstrap/pkg/handler.Define].
package check
