// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"errors"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/internal/asked"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

// fake is a cluster of manifests.
type fake struct {
	objects  map[string][]string // by resource
	refused  map[string]error    // by resource
	metadata []string            // the resources of which only the metadata were asked for
	lookup   lookups             // what checks look up
}

func (f *fake) kinds(context.Context) ([]kind, error) {
	core := schema.GroupVersion{Version: "v1"}
	apps, batch := schema.GroupVersion{Group: "apps", Version: "v1"}, schema.GroupVersion{Group: "batch", Version: "v1"}
	of := func(version schema.GroupVersion, name, resource string) kind {
		return kind{version.WithKind(name), version.WithResource(resource), true}
	}
	return []kind{
		of(core, "Pod", "pods"), of(core, "ConfigMap", "configmaps"), namespaceKind(),
		of(apps, "ReplicaSet", "replicasets"), of(apps, "Deployment", "deployments"), of(apps, "StatefulSet", "statefulsets"),
		of(apps, "DaemonSet", "daemonsets"), of(core, "ReplicationController", "replicationcontrollers"),
		of(batch, "Job", "jobs"), of(batch, "CronJob", "cronjobs"),
	}, nil
}

func (f *fake) list(_ context.Context, k kind, metadata bool, visit func([]byte) error) error {
	name := k.resource.Resource
	if metadata {
		f.metadata = append(f.metadata, name)
	}
	for _, text := range f.objects[name] {
		raw, err := sigsyaml.YAMLToJSON([]byte(text))
		if err != nil {
			return err
		}
		if err := visit(withType(raw, k)); err != nil {
			return err
		}
	}
	return f.refused[name]
}

func (f *fake) lookups(context.Context) (lookups, error) {
	if f.lookup == nil {
		return nil, errors.New("a test gives Options.Cluster")
	}
	return f.lookup, nil
}

// entries are those of the base install.
const entries = `
metadata: {name: hookstrap}
webhooks:
- name: pods
  rules:
  - {apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [pods]}
  namespaceSelector: &notSystem {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [kube-system]}]}
- name: workloads
  rules:
  - {apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments, statefulsets]}
  - {apiGroups: [batch], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [jobs, cronjobs]}
  namespaceSelector: *notSystem
`

func askedBy(t *testing.T, text string) asked.Asked {
	t.Helper()
	var configuration admissionregistrationv1.ValidatingWebhookConfiguration
	if err := sigsyaml.UnmarshalStrict([]byte(text), &configuration); err != nil {
		t.Fatal(err)
	}
	a, err := asked.Of(configuration)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func configuration(t *testing.T, checks string) config.Configuration {
	t.Helper()
	c, err := config.Parse([]byte("apiVersion: hookstrap.dev/v1alpha1\nkind: CheckConfiguration\nchecks: "+checks+"\n"),
		check.Definitions())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// run judges a cluster, and returns the results that have findings, or were not judged, and the errors.
func judge(t *testing.T, f *fake, checks string, change ...func(*Options)) (results []Result, errs []error) {
	t.Helper()
	o := Options{Configuration: configuration(t, checks), Asked: askedBy(t, entries)}
	for _, c := range change {
		c(&o)
	}
	a, err := newAuditor(o, f)
	if err != nil {
		t.Fatal(err)
	}
	for result, err := range a.Run(t.Context()) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		results = append(results, result)
	}
	return results, errs
}
