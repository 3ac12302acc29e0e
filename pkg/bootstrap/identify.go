// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/identity"
	"github.com/hookstrap/hookstrap/internal/refusal"
	"github.com/hookstrap/hookstrap/internal/report"
)

// found is who we are, and which of the addresses are the Service's.
type found struct {
	identity.Identity
	clusterIPs []netip.Addr
}

// identify derives the SANs. The Service's ClusterIPs are asked for once; a Service that does not exist yet or may not
// be read costs only those, for what the API server verifies is the Service's name.
func (b *Bootstrapper) identify(ctx context.Context) (found, error) {
	started := time.Now()
	clusterIPs, err := b.clusterIPs(ctx)
	if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
		klog.FromContext(ctx).Info("The certificate will not carry the Service's ClusterIPs", "reason", err.Error())
	} else if err != nil {
		return found{}, err
	}
	id, err := identity.New(b.options.identityInputs(clusterIPs))
	if err != nil {
		return found{}, err
	}
	b.answerTo(id)
	b.report.Phase(ctx, report.PhaseIdentity, time.Since(started), "dnsNames", id.DNSNames, "ips", id.IPs)
	return found{Identity: id, clusterIPs: clusterIPs}, nil
}

func (b *Bootstrapper) clusterIPs(ctx context.Context) ([]netip.Addr, error) {
	name, namespace := b.options.Service, b.options.Namespace
	service, err := b.clients.kubernetes.CoreV1().Services(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		b.noteService(nil)
	}
	if err != nil {
		return nil, refusal.Explain(fmt.Sprintf("reading Service %s/%s", namespace, name), err, fmt.Sprintf("grant "+
			"{apiGroups: [\"\"], resources: [services], resourceNames: [%s], verbs: [get]} in namespace %s",
			name, namespace), "")
	}
	b.noteService(service)
	return identity.ParseIPs(service.Spec.ClusterIPs)
}
