// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// faults says everything that is wrong with the options of the program.
func (o Options) faults() error {
	var errs []error
	for _, path := range slices.Sorted(maps.Keys(o.Handlers)) {
		switch {
		case o.Handlers[path] == nil:
			errs = append(errs, fmt.Errorf("Options.Handlers has no handler for %q: give one, or remove the path", path))
		case slices.Contains([]string{"/", validatePath, mutatePath, convertPath}, path):
			errs = append(errs, fmt.Errorf("Options.Handlers cannot serve %q, which is taken: choose another path", path))
		case !strings.HasPrefix(path, "/") || strings.ContainsAny(path, " {}?#"):
			errs = append(errs, fmt.Errorf("Options.Handlers has %q, which is no path: write it as in \"/validate--v1-pod\"",
				path))
		}
	}
	if err := handler.ValidateConversions(o.Conversions...); err != nil {
		errs = append(errs, fmt.Errorf("Options.Conversions: %w", err))
	}
	for _, text := range o.WebhookConfigurations {
		if _, err := parseTarget(text); err != nil {
			errs = append(errs, fmt.Errorf("Options.WebhookConfigurations: %w", err))
		}
	}
	return errors.Join(errs...)
}

// registerHandlers serves them, each with deadlines.
func registerHandlers(server *bootstrap.Server, handlers map[string]http.Handler) {
	for path, h := range handlers {
		// One that has to know our namespace has deadlines of its own, and must not be wrapped: the server looks for the
		// method.
		if _, ok := h.(interface {
			NoticeNamespace(name string, notice func(ctx context.Context, resource string))
		}); !ok {
			h = handler.WithDeadlines(h)
		}
		server.Register(path, h)
	}
}
