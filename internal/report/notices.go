// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"fmt"
	"sync"

	"k8s.io/klog/v2"
)

// Notices are events of our Pod about what is not the certificate. Their methods may be called by many goroutines, and
// do not block.
type Notices struct {
	reporter     *Reporter
	namespace    string
	ownNamespace sync.Once
}

// NewNotices returns the notices of a server in namespace.
func NewNotices(r *Reporter, namespace string) *Notices {
	return &Notices{reporter: r, namespace: namespace}
}

// AskedAboutOwnNamespace logs, and records as an event of our Pod, that the API server has asked about an object in our
// own namespace; the first call does, and the others nothing. A Server gives it to the handlers that it registers.
func (n *Notices) AskedAboutOwnNamespace(ctx context.Context, resource string) {
	n.ownNamespace.Do(func() {
		advice := fmt.Sprintf("the webhook is asked about %s in its own namespace, and could not start again once all its "+
			"Pods are gone: add %s to the values of namespaceSelector (key kubernetes.io/metadata.name, operator NotIn) of "+
			"every entry of the webhook configuration", resource, n.namespace)
		klog.FromContext(ctx).Info("Our own namespace is not exempt", "namespace", n.namespace, "resource", resource,
			"advice", advice)
		n.reporter.events.warning(eventOwnNamespace, "", "%s", advice)
	})
}

// ChecksNotReloaded counts a configuration of the checks that could not be read or used, and records it as an event of
// our Pod, at most once in a few minutes. The caller, who keeps the last good one, logs it.
func (n *Notices) ChecksNotReloaded(err error) { n.reporter.Files.Counted(filesChecks, err) }

// ChecksReloaded records as an event of our Pod that what [Notices.ChecksNotReloaded] told of is over. The hash is
// what tells the configuration in use from others. The same trouble is news again after that.
func (n *Notices) ChecksReloaded(hash string) {
	n.reporter.events.over(eventReload, filesChecks)
	n.reporter.events.normal(eventReloaded, "The files (%s) are in use again, with hash %s", filesChecks, hash)
}

// ChecksDeny records as an event of our Pod in which namespaces a check has begun to deny.
func (n *Notices) ChecksDeny(check, namespaces string) {
	n.reporter.events.normal(eventDenies, "The check %s denies from now on in %s: an audit has found nothing there", check,
		namespaces)
}

// ClusterCacheFull records as an event of our Pod that objects which checks look up are not kept for want of memory, at
// most once in a few minutes for each type. What names the type. The caller logs it.
func (n *Notices) ClusterCacheFull(what string, err error) {
	n.reporter.events.warning(eventCacheFull, what, "Checks that look up %s fail: %v", what, err)
}

// ClusterCacheComplete records as an event of our Pod that what [Notices.ClusterCacheFull] told of is over.
func (n *Notices) ClusterCacheComplete(what string) {
	n.reporter.events.over(eventCacheFull, what)
	n.reporter.events.normal(eventCacheComplete, "All objects that checks look up are known again: %s", what)
}
