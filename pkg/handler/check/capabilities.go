// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// capabilitiesCheck denies containers with more of root's power than they need. Names are those of Kubernetes, in
// capital letters and without CAP_; any other spelling counts as another capability.
type capabilitiesCheck struct {
	// AllowedAdd are the capabilities that containers may add.
	AllowedAdd []string `json:"allowedAdd"`
	// RequiredDrop are the capabilities that containers have to drop. Who drops ALL has dropped them all.
	RequiredDrop []string `json:"requiredDrop"`
}

func capabilitiesDefinition() handler.Definition {
	return definePods("capabilities", handler.Doc{
		Summary: "Containers drop capabilities, and add none but allowed ones.",
		Why: "A capability is a part of root's power. Container runtimes give more than a dozen by default, of which " +
			"nearly no program needs one, while each is a step out of the container for an attacker who controls the program.",
	}, func() capabilitiesCheck {
		return capabilitiesCheck{AllowedAdd: []string{"NET_BIND_SERVICE"}, RequiredDrop: []string{"ALL"}}
	})
}

// Validate implements [handler.Validator].
func (p capabilitiesCheck) Validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, list := range []struct {
		name  string
		names []string
	}{{"allowedAdd", p.AllowedAdd}, {"requiredDrop", p.RequiredDrop}} {
		for i, c := range list.names {
			if c == "" || strings.HasPrefix(c, "CAP_") || c != strings.ToUpper(c) {
				errs = append(errs, field.Invalid(path.Child(list.name).Index(i), c,
					"must be a capability in capital letters and without CAP_, such as NET_ADMIN"))
			}
		}
	}
	return errs
}

func (p capabilitiesCheck) violations(ctx context.Context, pod PodTemplate) []handler.Violation {
	var violations []handler.Violation
	for _, c := range heeded(ctx, containersOf(pod)) {
		has := c.security().Capabilities
		if has == nil {
			has = &corev1.Capabilities{}
		}
		path := c.path().Child("securityContext", "capabilities")
		for i, added := range heeded(ctx, has.Add) {
			if !slices.Contains(p.AllowedAdd, string(added)) {
				v := c.riskf(path.Child("add").Index(i), "adds capability %q; %s", added, allowedList(p.AllowedAdd))
				if meant := spelling(added); meant != string(added) && slices.Contains(p.AllowedAdd, meant) {
					v = saying(v, c.message(fmt.Sprintf("adds %q; write %s", added, meant)))
				}
				violations = append(violations, v)
			}
		}
		if missing := p.undropped(has.Drop); len(missing) > 0 && !pod.isWindows() {
			v := c.riskf(path.Child("drop"),
				"does not drop capabilities; add %s to capabilities.drop", strings.Join(missing, ", "))
			v.Identity, v.Parts = digest("drop", c.imagePart()), missing
			if drops := misspelled(has.Drop, missing); drops != "" {
				v = saying(v, c.message(drops))
			}
			violations = append(violations, saying(v, v.Message+pod.meantForWindows()))
		}
	}
	return violations
}

// spelling is how Kubernetes writes a capability. The API server takes any spelling, but not for the same capability.
func spelling(c corev1.Capability) string {
	return strings.TrimPrefix(strings.ToUpper(string(c)), "CAP_")
}

// misspelled says which capabilities are dropped by another name than the one that is missing, or nothing.
func misspelled(dropped []corev1.Capability, missing []string) string {
	var wrong, right []string
	for _, name := range missing {
		i := slices.IndexFunc(dropped, func(c corev1.Capability) bool { return spelling(c) == name || spelling(c) == "ALL" })
		if i < 0 {
			return ""
		}
		wrong, right = append(wrong, strconv.Quote(string(dropped[i]))), append(right, spelling(dropped[i]))
	}
	return fmt.Sprintf("drops %s; write %s", strings.Join(slices.Compact(wrong), ", "),
		strings.Join(slices.Compact(right), ", "))
}

// undropped are the capabilities that should have been dropped.
func (p capabilitiesCheck) undropped(dropped []corev1.Capability) []string {
	if slices.Contains(dropped, "ALL") {
		return nil
	}
	var missing []string
	for _, required := range p.RequiredDrop {
		if !slices.Contains(dropped, corev1.Capability(required)) {
			missing = append(missing, required)
		}
	}
	return missing
}

// allowedList says in a message what would have been right.
func allowedList(allowed []string) string {
	if len(allowed) == 0 {
		return "none is allowed"
	}
	return "allowed: " + strings.Join(allowed, ", ")
}
