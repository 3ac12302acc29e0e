// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"fmt"

	"k8s.io/klog/v2"
)

// AskedAboutOwnNamespace logs, and records as an event of our Pod, that the API server has asked about an object in our
// own namespace; the first call does, and the others nothing. It is for handler.Options, may be
// called concurrently, and does not block.
func (b *Bootstrapper) AskedAboutOwnNamespace(ctx context.Context, resource string) {
	b.ownNamespace.Do(func() {
		advice := fmt.Sprintf("the webhook is asked about %s in its own namespace, and could not start again once all its "+
			"Pods are gone: add %s to the values of namespaceSelector (key kubernetes.io/metadata.name, operator NotIn) of "+
			"every entry of the webhook configuration", resource, b.options.Namespace)
		klog.FromContext(ctx).Info("Our own namespace is not exempt", "namespace", b.options.Namespace, "resource", resource,
			"advice", advice)
		b.events.warning(eventOwnNamespace, "", "%s", advice)
	})
}
