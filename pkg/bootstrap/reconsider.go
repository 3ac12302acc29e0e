// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/follow"
	"github.com/hookstrap/hookstrap/internal/identity"
	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/serving"
	"github.com/hookstrap/hookstrap/internal/timing"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// reconsider looks again at who we are and at what verifies the certificate being served. It reports whether the
// certificate has to be renewed now; until the new one is trusted, the old one serves.
func (s *csrSource) reconsider(ctx context.Context) bool {
	pair := s.state.Pair()
	if s.reidentify(ctx) {
		if missing := s.spec.Identity.Missing(pair.Leaf()); len(missing) > 0 {
			klog.FromContext(ctx).Info("Renewing the certificate, it lacks SANs", "missing", strings.Join(missing, ", "))
			return true
		}
	}
	// What becomes of the built-in signer's CA is for authorityChanged to see.
	return s.authority == nil && s.unverified(ctx, pair)
}

// unverified publishes the CAs that verify what is served, as they are now, and reports whether there are none any
// more: the signer has moved on to another CA, or is about to.
func (s *csrSource) unverified(ctx context.Context, pair *serving.Pair) bool {
	policy, err := s.roots.find(ctx, pair.Chain())
	switch {
	case err == nil:
		s.publish(s.published(policy))
	case errors.As(err, new(*trust.UnverifiedError)):
		s.report.Failed(report.PhaseTrusted, err)
		klog.FromContext(ctx).Info("Renewing the certificate, no known CA verifies it any more; it keeps serving meanwhile",
			"reason", err.Error())
		return true
	case ctx.Err() == nil:
		delay := s.unread.After(err)
		if s.looked.Is(err) {
			s.report.Failed(report.TaskReload, err)
			klog.FromContext(ctx).Error(err, "Keeping the caBundle as it is, will look again",
				"in", delay.Round(time.Millisecond))
		}
		time.AfterFunc(delay, s.wake)
		return false
	}
	s.looked = timing.News{}
	s.unread.Reset()
	return false
}

// followedService is the Service, whose ClusterIPs are names of the certificate.
func (s *csrSource) followedService() followed {
	return followed{
		resource: s.ours("services"),
		kind:     corev1.SchemeGroupVersion.WithKind("Service"),
		selector: follow.ByName(s.options.Service),
		rule:     namedRule("services", s.options.Service),
		changed: func(objects []*unstructured.Unstructured) {
			service := serviceOf(objects)
			s.noteService(service)
			if service == nil {
				return // One that was deleted leaves the names as they are: its successor's will come.
			}
			if ips, err := identity.ParseIPs(service.Spec.ClusterIPs); err == nil { // As the API server has checked.
				s.clusterIPsNow.Store(&ips)
				s.wake()
			}
		},
	}
}

// reidentify derives who we are anew, and reports whether that is somebody else than before. Our own signer learns it
// first, for it is about to be asked.
func (s *csrSource) reidentify(ctx context.Context) bool {
	now := s.clusterIPsNow.Load()
	if now == nil || slices.Equal(*now, s.who.clusterIPs) {
		return false
	}
	id, err := identity.New(s.options.identityInputs(*now))
	if err != nil {
		s.report.Failed(report.PhaseIdentity, err)
		klog.FromContext(ctx).Error(err, "The Service has changed, and the certificate's names stay as they are")
		return false
	}
	klog.FromContext(ctx).Info("The Service's ClusterIPs have changed", "before", s.who.clusterIPs, "now", *now)
	s.who = found{Identity: id, clusterIPs: slices.Clone(*now)}
	s.spec.Identity = id
	s.answerTo(id)
	s.kept.drop()
	if s.authority != nil {
		s.authority.SetPolicy(s.signingPolicy(s.who))
	}
	return true
}
