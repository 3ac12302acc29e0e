// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package check has the built-in checks: one check, one file, one table test.
//
//   - [PodSecurity] holds Pods to a level of the Kubernetes Pod Security Standards.
//   - [ImageTag] wants images to say which version they are.
//   - [RequiredLabels] wants objects to have certain labels.
//
// The first two look at Pods and at every built-in object which makes Pods of a template, so that the author of a
// Deployment hears of a problem at once, and not from the events of a ReplicaSet. [PodSpecOf] finds the Pod in such
// an object.
//
// Checks are plain values without state. They are pure: what they say depends on the request alone. To write your
// own, see [github.com/hookstrap/hookstrap/pkg/handler.CheckFor].
package check
