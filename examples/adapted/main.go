// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Command adapted serves webhooks that were written for controller-runtime, without a manager: a validator as a check,
// a defaulter as a mutation, and an admission.Webhook as it is. Copy it, and put yours in their places.
package main

import (
	"context"
	"errors"
	"net/http"
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/hookstrap/hookstrap/pkg/command"
	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/adapt"
)

// podValidator is as kubebuilder scaffolds it.
type podValidator struct{}

func (podValidator) ValidateCreate(_ context.Context, pod *corev1.Pod) (admission.Warnings, error) {
	if pod.Labels["owner"] == "" {
		return nil, errors.New("the Pod has no label owner")
	}
	if pod.Labels["team"] == "none" {
		return admission.Warnings{"the Pod has no team"}, nil
	}
	return nil, nil
}

func (podValidator) ValidateUpdate(_ context.Context, before, pod *corev1.Pod) (admission.Warnings, error) {
	if pod.Labels["owner"] != before.Labels["owner"] {
		return nil, errors.New("the label owner cannot be changed")
	}
	return nil, nil
}

func (podValidator) ValidateDelete(_ context.Context, pod *corev1.Pod) (admission.Warnings, error) {
	if pod.Labels["keep"] != "" {
		return nil, errors.New("the Pod has the label keep")
	}
	return nil, nil
}

// podDefaulter is as kubebuilder scaffolds it.
type podDefaulter struct{}

func (podDefaulter) Default(_ context.Context, pod *corev1.Pod) error {
	if pod.Labels["team"] == "" {
		if pod.Labels == nil {
			pod.Labels = map[string]string{}
		}
		pod.Labels["team"] = "none"
	}
	return nil
}

func definitions() []handler.Definition {
	doc := handler.Doc{Summary: "A Pod must name its owner.", Why: "It is told when the Pod fails."}
	validator := handler.Define("owner", doc, none, func(struct{}, handler.Environment) (handler.Check, error) {
		return adapt.CheckOf("owner", scheme.Scheme, &corev1.Pod{}, podValidator{}), nil
	})
	doc = handler.Doc{Summary: "A Pod without a team gets the team none.", Why: "Its costs are counted by it."}
	defaulter := handler.DefineMutation("team", doc, none, func(struct{}, handler.Environment) (handler.Mutation, error) {
		return adapt.MutationOf("team", scheme.Scheme, &corev1.Pod{}, podDefaulter{}), nil
	})
	// Without a configuration file, they are on.
	return []handler.Definition{validator.WithDefaultMode(handler.Deny), defaulter.WithDefaultMode(handler.Apply)}
}

func none() struct{} { return struct{}{} }

// noConfigMaps is a webhook as controller-runtime has it.
func noConfigMaps(_ context.Context, req admission.Request) admission.Response {
	if req.Name == "forbidden" {
		return admission.Denied("the name is forbidden")
	}
	return admission.Allowed("")
}

func options() command.Options {
	return command.Options{
		Name: "adapted", Definitions: definitions(),
		Handlers: map[string]http.Handler{
			"/validate--v1-configmap": &admission.Webhook{Handler: admission.HandlerFunc(noConfigMaps)},
		},
		WebhookConfigurations: []string{"validating/adapted", "mutating/adapted"},
	}
}

func main() {
	os.Exit(command.Run(context.Background(), os.Args[1:], options()))
}
