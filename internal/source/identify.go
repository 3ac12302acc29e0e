// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/identity"
	"github.com/hookstrap/hookstrap/internal/refusal"
	"github.com/hookstrap/hookstrap/internal/report"
)

// who is who we are, and which of the addresses are the Service's.
type who struct {
	identity.Identity
	clusterIPs []netip.Addr
}

// identify derives the SANs. The Service's ClusterIPs are asked for once; a Service that does not exist yet or may not
// be read costs only those, for what the API server verifies is the Service's name.
func (o Options) identify(ctx context.Context) (who, error) {
	started := time.Now()
	clusterIPs, err := o.clusterIPs(ctx)
	if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
		klog.FromContext(ctx).Info("The certificate will not carry the Service's ClusterIPs", "reason", err.Error())
	} else if err != nil {
		return who{}, err
	}
	id, err := o.identity(clusterIPs)
	if err != nil {
		return who{}, err
	}
	answerTo(o.Injector, id.DNSNames, id.IPs)
	o.Report.Phase(ctx, report.PhaseIdentity, time.Since(started), "dnsNames", id.DNSNames, "ips", id.IPs)
	return who{Identity: id, clusterIPs: clusterIPs}, nil
}

func (o Options) clusterIPs(ctx context.Context) ([]netip.Addr, error) {
	name, namespace := o.Inputs.Service, o.Inputs.Namespace
	service, err := o.Kubernetes.CoreV1().Services(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		o.Service.note(nil)
	}
	if err != nil {
		return nil, refusal.Explain(fmt.Sprintf("reading Service %s/%s", namespace, name), err, fmt.Sprintf("grant "+
			"{apiGroups: [\"\"], resources: [services], resourceNames: [%s], verbs: [get]} in namespace %s",
			name, namespace), "")
	}
	o.Service.note(service)
	return identity.ParseIPs(service.Spec.ClusterIPs)
}

func (o Options) identity(clusterIPs []netip.Addr) (identity.Identity, error) {
	inputs := o.Inputs
	inputs.ClusterIPs = clusterIPs
	if !o.Profile.LongNames() {
		return identity.New(inputs)
	}
	inputs.ClusterIPs, inputs.PodIPs = nil, nil
	id, err := identity.New(inputs)
	id.DNSNames = slices.DeleteFunc(id.DNSNames, func(name string) bool {
		return name == inputs.Service || name == inputs.Service+"."+inputs.Namespace
	})
	return id, err
}

// answerTo says which names certificates have: entries that call one of them are ours.
func answerTo[IP fmt.Stringer](injector Injector, dnsNames []string, ips []IP) {
	names := slices.Clone(dnsNames)
	for _, ip := range ips {
		names = append(names, ip.String())
	}
	injector.SetNames(names)
}
