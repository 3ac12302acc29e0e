// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package view keeps of the objects of a cluster what checks compare with, and nothing else, and finds it by keys. A
// [View] says what that is for one type. A [Store] holds it, on the server fed by a watch and offline by the manifests,
// so that both mean the same. A [Limit] bounds the memory of several stores.
package view
