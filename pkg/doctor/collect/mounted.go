// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/hookstrap/hookstrap/pkg/doctor"
)

// mostMounted is how many Secrets of one server are read.
const mostMounted = 5

// mounting reads what servers mount.
type mounting struct{ *gathering }

// mounted reads the Secrets that servers mount, such as those of kube-webhook-certgen and cert-controller, where that
// is allowed. Of each only the certificates are kept.
func (g mounting) mounted(ctx context.Context) {
	pods := map[types.NamespacedName]*corev1.Pod{}
	for _, pod := range g.facts.Pods {
		pods[types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}] = pod
	}
	backends := g.facts.BackendsOf()
	read := map[types.NamespacedName]doctor.StoredCA{}
	forbidden := 0
	g.facts.Mounted = map[string][]doctor.StoredCA{}
	for i := range g.facts.Entries {
		e := &g.facts.Entries[i]
		to := e.Destination()
		if _, known := g.facts.Mounted[to]; known || e.ClientConfig.Service == nil {
			continue
		}
		g.facts.Mounted[to] = nil
		for _, secret := range secretsOf(pods, backends(e)) {
			ca, known := read[secret]
			if !known {
				found, err := g.client.CoreV1().Secrets(secret.Namespace).Get(ctx, secret.Name, metav1.GetOptions{})
				if apierrors.IsForbidden(err) {
					forbidden++
				}
				if err == nil {
					ca = certificatesOf(found)
				}
				read[secret] = ca
			}
			if len(ca.CA) > 0 {
				g.facts.Mounted[to] = append(g.facts.Mounted[to], ca)
			}
		}
	}
	if forbidden > 0 {
		g.minor("secrets", fmt.Errorf("%d Secrets that servers mount may not be read, so that their CAs are not compared "+
			"with the caBundles; grant get on them, or leave it", forbidden))
	}
}

// secretsOf are those that the first of the Pods mounts: the others are alike.
func secretsOf(pods map[types.NamespacedName]*corev1.Pod, backends []doctor.Backend) []types.NamespacedName {
	for _, b := range backends {
		pod := pods[b.Pod]
		if pod == nil {
			continue
		}
		var all []types.NamespacedName
		for _, v := range pod.Spec.Volumes {
			if v.Secret != nil && len(all) < mostMounted {
				all = append(all, types.NamespacedName{Namespace: pod.Namespace, Name: v.Secret.SecretName})
			}
			if v.Projected == nil {
				continue
			}
			for _, s := range v.Projected.Sources {
				if s.Secret != nil && len(all) < mostMounted {
					all = append(all, types.NamespacedName{Namespace: pod.Namespace, Name: s.Secret.Name})
				}
			}
		}
		return all
	}
	return nil
}

// certificatesOf leaves out the keys. Those of kube-webhook-certgen are ca, cert and key.
func certificatesOf(s *corev1.Secret) doctor.StoredCA {
	ca := doctor.StoredCA{Secret: s.Namespace + "/" + s.Name, CA: s.Data["ca.crt"], Leaf: s.Data[corev1.TLSCertKey]}
	if len(ca.CA) == 0 {
		ca.CA, ca.Key, ca.Leaf = s.Data["ca"], "ca", s.Data["cert"]
	}
	return ca
}
