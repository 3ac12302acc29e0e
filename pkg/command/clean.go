// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/pager"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/hookstrap/hookstrap/internal/asked"
	"github.com/hookstrap/hookstrap/internal/audit"
	"github.com/hookstrap/hookstrap/internal/clean"
	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

const (
	// auditPage is how many objects an audit of the server reads at once: it has less memory than a command.
	auditPage = 100
	// readyInterval is how often an audit that waits for what checks look up asks again.
	readyInterval = 200 * time.Millisecond
	// mostNamedInEvent is how many namespaces an event names, which may be 1,024 characters long.
	mostNamedInEvent = 10
)

// newKeeper makes what knows in which namespaces checks in mode denyWhenClean deny.
func newKeeper(o *serveOptions, boot *bootstrap.Bootstrapper) (*clean.Keeper, error) {
	b := o.bootstrap
	return clean.New(clean.Options{
		Config: b.RESTConfig, ConfigMap: types.NamespacedName{Namespace: b.Namespace, Name: o.cleanName()},
		Interval: o.auditInterval, Registerer: ctrlmetrics.Registry,
		OnBegan: func(began clean.Began) { boot.ChecksDeny(began.Check, began.Text(mostNamedInEvent)) },
	})
}

// cleanName is the name of the ConfigMap.
func (o *serveOptions) cleanName() string {
	return cmp.Or(o.cleanConfigMap, defaultCleanName(o.bootstrap.Service))
}

func defaultCleanName(service string) string { return service + "-clean" }

// cleanUse tells the keeper which checks deny when clean from now on, and how to audit with them, once they can read
// what they look up: a check that cannot tell has found something.
func cleanUse(
	keeper *clean.Keeper, o *serveOptions, cluster client.Reader, ready func(context.Context) error,
) func(config.Configuration) {
	return func(c config.Configuration) {
		var policies []clean.Policy
		var names []string
		for _, check := range c.Checks {
			if check.Mode == handler.DenyWhenClean {
				policies = append(policies, clean.Policy{Check: check.Definition.Name, Digest: c.Policy(check)})
				names = append(names, check.Definition.Name)
			}
		}
		keeper.Use(policies, func(ctx context.Context) (clean.Found, error) {
			isReady := func(ctx context.Context) (bool, error) { return ready(ctx) == nil, nil }
			if err := wait.PollUntilContextCancel(ctx, readyInterval, true, isReady); err != nil {
				return clean.Found{}, err
			}
			return auditFor(ctx, o.bootstrap, audit.Options{
				Config: o.bootstrap.RESTConfig, Configuration: c, Only: names, Cluster: cluster, PageSize: auditPage,
			})
		})
	}
}

// auditFor looks at what the server is asked about. A namespace is listed after its objects: one that is created while
// the audit runs is among what exists.
func auditFor(ctx context.Context, b bootstrap.Options, o audit.Options) (found clean.Found, err error) {
	if o.Asked, err = askedOf(ctx, b); err != nil {
		return clean.Found{}, err
	}
	auditor, err := audit.New(o)
	if err != nil {
		return clean.Found{}, err
	}
	if found, err = foundIn(auditor.Run(ctx)); err != nil {
		return clean.Found{}, err
	}
	found.Namespaces, err = namespaces(ctx, b)
	return found, err
}

// foundIn are the namespaces in which something was found, and those of which nothing was judged.
func foundIn(results iter.Seq2[audit.Result, error]) (clean.Found, error) {
	found := clean.Found{In: map[string]sets.Set[string]{}}
	judged, unasked := sets.New[string](), sets.New[string]()
	for result, err := range results {
		if err != nil {
			return clean.Found{}, err // What was not seen may be what is wrong.
		}
		namespace := namespaceOf(result.Object)
		switch result.Left {
		case audit.Finished:
		case audit.NotAsked:
			unasked.Insert(namespace)
		default:
			judged.Insert(namespace)
		}
		for _, finding := range result.Findings {
			if found.In[finding.Check] == nil {
				found.In[finding.Check] = sets.New[string]()
			}
			found.In[finding.Check].Insert(namespace)
		}
	}
	found.Unasked = unasked.Difference(judged)
	return found, nil
}

// namespaceOf is the namespace that a review of the object would name.
func namespaceOf(o audit.Object) string {
	if o.Kind.Group == "" && o.Kind.Kind == "Namespace" {
		return o.Name
	}
	return o.Namespace
}

// askedOf reads the rules by which the server is asked.
func askedOf(ctx context.Context, b bootstrap.Options) (asked.Asked, error) {
	kube, err := kubernetes.NewForConfig(b.RESTConfig)
	if err != nil {
		return asked.Asked{}, fmt.Errorf("making a client of the API server: %w", err)
	}
	configurations := kube.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	var all []admissionregistrationv1.ValidatingWebhookConfiguration
	for _, name := range rulesIn(b) {
		one, err := configurations.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return asked.Asked{}, fmt.Errorf("reading the rules of ValidatingWebhookConfiguration %q (with "+
				"--webhook-configuration=none that of the Service's name): %w", name, err)
		}
		all = append(all, *one)
	}
	of, err := asked.Of(all...)
	if err == nil && of.IsAll() {
		err = errors.New("no rule is known by which the server is asked: the mode denyWhenClean needs a " +
			"ValidatingWebhookConfiguration with entries in --webhook-configuration")
	}
	return of, err
}

// rulesIn are the ValidatingWebhookConfigurations with the rules by which the server is asked: those whose caBundle it
// keeps. If something else keeps it, it is the one with the name of the Service, as in the manifests.
func rulesIn(b bootstrap.Options) (names []string) {
	if len(b.WebhookConfigurations) == 0 {
		return []string{b.Service}
	}
	for _, target := range b.WebhookConfigurations {
		if target.Kind == bootstrap.Validating {
			names = append(names, target.Name)
		}
	}
	return names
}

// namespaces are those that exist, with their UIDs.
func namespaces(ctx context.Context, b bootstrap.Options) (map[string]types.UID, error) {
	client, err := metadata.NewForConfig(b.RESTConfig)
	if err != nil {
		return nil, fmt.Errorf("making a client of the API server: %w", err)
	}
	resource := client.Resource(corev1.SchemeGroupVersion.WithResource("namespaces"))
	all := map[string]types.UID{}
	pages := pager.New(func(ctx context.Context, opts metav1.ListOptions) (runtime.Object, error) {
		return resource.List(ctx, opts)
	})
	err = pages.EachListItem(ctx, metav1.ListOptions{}, func(item runtime.Object) error {
		namespace := item.(*metav1.PartialObjectMetadata)
		all[namespace.Name] = namespace.UID
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing namespaces: %w", err)
	}
	return all, nil
}

// needsClean says whether a configuration has a check in mode denyWhenClean.
func needsClean(c config.Configuration) bool {
	return slices.ContainsFunc(c.Checks, func(check config.Check) bool { return check.Mode == handler.DenyWhenClean })
}
