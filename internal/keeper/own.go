// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package keeper

import (
	"context"
	"crypto/x509"
	"fmt"
	"time"

	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/timing"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// lookAgain is how often it is looked whether all objects carry a CA, which is asked in a rotation alone.
const lookAgain = time.Second

// usualLooks is after how many looks a person is told: an overlap of many objects takes seconds.
const usualLooks = 10

// Publish asks for our own CAs, and has the objects without an annotation kept by them from now on. A CA leaves when
// the policy says so, without the overlap of [Options]: who rotates our CA has waited for what needs the old one.
func (k *Keeper) Publish(source trust.PolicySource) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sourceNamed(Source{})
	if policy := source.TrustPolicy(); !policy.Bundle.Empty() {
		k.want(Source{}, policy)
	}
}

// Carried returns nil if each object that is to have a CA has it in all its entries that call a Service, and an error
// that names one otherwise, or while not everything has been read.
func (k *Keeper) Carried(ca *x509.Certificate) error {
	if err := k.Synced(); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for target, o := range k.objects {
		if o.kept == nil || !k.sources[o.source].wanted.Contains(ca) || o.kept.Carries(ca) {
			continue
		}
		if err := o.kept.Err(); err != nil {
			return err
		}
		return fmt.Errorf("the caBundle of %s does not carry the CA %s yet", target, trust.DescribeCertificate(ca))
	}
	return nil
}

// WaitCarried waits until [Keeper.Carried] returns nil, and logs what it waits for if that takes longer than usual. It
// fails when ctx ends.
func (k *Keeper) WaitCarried(ctx context.Context, ca *x509.Certificate) error {
	told := timing.Once(func(err error) {
		klog.FromContext(ctx).Info("A new CA does not sign yet: an object that opts in does not carry it. If this stays, "+
			"correct the object, or take its label away", "label", Key, "reason", err.Error())
	})
	for looks := 0; ; looks++ {
		err := k.Carried(ca)
		if err == nil {
			return nil
		}
		if looks > usualLooks {
			told(err)
		}
		if err := timing.Sleep(ctx, lookAgain); err != nil {
			return err
		}
	}
}
