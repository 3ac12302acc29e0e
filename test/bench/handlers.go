// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

// parameters are those of the checks that have no defaults; the sample keeps to them.
const parameters = `
apiVersion: hookstrap.dev/v1alpha1
kind: CheckConfiguration
checks:
  allowedRegistries: {allowed: ["registry.example.com:5000"]}
  userRanges: {runAsUser: [{min: 1000, max: 65535}]}
  storageClasses: {allowed: [standard]}
  requiredLabels: {labels: [{key: team}]}
  requiredAnnotations: {annotations: [{key: note}]}
`

// allServers are what there is to measure.
const allServers = "floor,stock,stock-mutation,check,label,mutation,default,all"

func admissionHandler(kind string) (http.Handler, error) {
	switch kind {
	case "stock":
		return &webhook.Admission{Handler: &stockCheck{admission.NewDecoder(scheme.Scheme)}}, nil
	case "stock-mutation":
		return &webhook.Admission{Handler: &stockMutation{admission.NewDecoder(scheme.Scheme)}}, nil
	case "check":
		return ours(handler.Entry{Check: check.ImageTag{}})
	case "label":
		return mutating(handler.MutateFor("label", addLabel))
	case "mutation":
		return mutating(handler.MutateFor("mutation", addLabelToPod))
	case "default":
		return configured(config.Default(check.Definitions()))
	case "all":
		all, err := config.Parse([]byte(parameters), check.Definitions())
		if err != nil {
			return nil, err
		}
		return configured(withAllOn(all))
	}
	return nil, fmt.Errorf("there is no server %q: use one of %s", kind, allServers)
}

// withAllOn switches every check on that reads nothing but the review, in a mode in which all of them are asked about
// everything that they find.
func withAllOn(c config.Configuration) config.Configuration {
	for i := range c.Checks {
		if c.Checks[i].Mode = handler.Audit; len(c.Checks[i].Definition.Reads) > 0 {
			c.Checks[i].Mode = handler.Off
		}
	}
	return c
}

func configured(c config.Configuration) (*handler.Handler, error) {
	entries, err := c.Build(handler.Environment{})
	if err != nil {
		return nil, err
	}
	return ours(entries...)
}

func ours(entries ...handler.Entry) (*handler.Handler, error) {
	return handler.New(handler.Options{Entries: entries, Registerer: prometheus.NewRegistry()})
}

func mutating(mutation handler.Mutation) (http.Handler, error) {
	h, err := ours(handler.Entry{Mutation: mutation})
	if err != nil {
		return nil, err
	}
	return h.Mutating(), nil
}

// addLabel adds a label, as one writes that for objects of any kind.
func addLabel(_ context.Context, _ *handler.Request, obj *metav1.PartialObjectMetadata) error {
	metav1.SetMetaDataLabel(&obj.ObjectMeta, "cost-center", "none")
	return nil
}

// addLabelToPod does the same with all of a Pod to look at.
func addLabelToPod(_ context.Context, _ *handler.Request, pod *corev1.Pod) error {
	metav1.SetMetaDataLabel(&pod.ObjectMeta, "cost-center", "none")
	return nil
}

// stockMutation does that as one writes it with controller-runtime.
type stockMutation struct{ decoder admission.Decoder }

func (m *stockMutation) Handle(_ context.Context, req admission.Request) admission.Response {
	pod := &corev1.Pod{}
	if err := m.decoder.Decode(req, pod); err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	metav1.SetMetaDataLabel(&pod.ObjectMeta, "cost-center", "none")
	changed, err := json.Marshal(pod)
	if err != nil {
		return admission.Errored(http.StatusInternalServerError, err)
	}
	return admission.PatchResponseFromRaw(req.Object.Raw, changed)
}

// stockCheck wants images to have a tag, as one writes that with controller-runtime.
type stockCheck struct{ decoder admission.Decoder }

func (c *stockCheck) Handle(_ context.Context, req admission.Request) admission.Response {
	pod := &corev1.Pod{}
	if err := c.decoder.Decode(req, pod); err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	for _, container := range append(pod.Spec.InitContainers, pod.Spec.Containers...) {
		ref, err := check.ParseReference(container.Image)
		if err != nil || ref.Digest == "" && (ref.Tag == "" || strings.EqualFold(ref.Tag, "latest")) {
			return admission.Denied("image " + container.Image + " has no tag")
		}
	}
	return admission.Allowed("")
}
