// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Command mutation is a webhook that changes objects: a Pod without a team gets one. Copy it, and put your mutation in
// its place.
package main

import (
	"context"
	"os"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/pkg/command"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// parameters stand below teamLabel in the configuration file.
type parameters struct {
	// Team is the team of Pods without one.
	Team string `json:"team"`
}

// change changes nothing that is as it should be, so that it can be asked again about what it has made.
func (p parameters) change(_ context.Context, _ *handler.Request, pod *corev1.Pod) error {
	if pod.Labels["team"] == "" {
		metav1.SetMetaDataLabel(&pod.ObjectMeta, "team", p.Team)
	}
	return nil
}

func definitions() []handler.Definition {
	teamLabel := handler.DefineMutation("teamLabel", handler.Doc{
		Summary: "A Pod without a team gets one.", Why: "Its costs are counted by it.",
	}, func() parameters { return parameters{Team: "none"} },
		func(p parameters, _ handler.Environment) (handler.Mutation, error) {
			return handler.MutateFor("teamLabel", p.change), nil
		})
	return []handler.Definition{teamLabel.WithDefaultMode(handler.Apply)} // Without a configuration file, it is on.
}

func options() command.Options {
	return command.Options{
		Name: "mutation", Definitions: definitions(), WebhookConfigurations: []string{"mutating/example-mutation"},
	}
}

func main() {
	os.Exit(command.Run(context.Background(), os.Args[1:], options()))
}
