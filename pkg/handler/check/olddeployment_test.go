// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// An object that is older than the policy may stay as it is, but its next Pods may not. Who restarts it is told.
func TestOldObjectsAreAdmittedWithAWarningAboutTheirPods(t *testing.T) {
	of := func(kind, metadata, image string) string {
		return fmt.Sprintf(`{apiVersion: apps/v1, kind: %s, metadata: {name: web, namespace: shop}, spec: {template: {metadata: {%s}, `+
			`spec: {containers: [{name: a, image: "%s"}]}}}}`, kind, metadata, image)
	}
	const restarted = `annotations: {kubectl.kubernetes.io/restartedAt: now}`
	const warned = `imageTag: its new Pods will be denied: `
	pod := func(label string) string {
		return `{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop, labels: {a: ` + label + `}}, spec: {containers: [{name: a, image: nginx}]}}`
	}
	scale := func(replicas int) string {
		return fmt.Sprintf(`{apiVersion: autoscaling/v1, kind: Scale, metadata: {name: web, namespace: shop}, spec: {replicas: %d}}`, replicas)
	}
	imageTag := built(t, definition(t, "imageTag"), "")
	for title, tt := range map[string]struct {
		before, after string
		entry         handler.Entry
		warned        string
	}{
		"a Deployment":  {of("Deployment", "", "nginx"), of("Deployment", restarted, "nginx"), handler.Entry{Check: imageTag}, warned},
		"a StatefulSet": {of("StatefulSet", "", "nginx"), of("StatefulSet", restarted, "nginx"), handler.Entry{Check: imageTag}, warned},
		"is scaled": {of("Deployment", "", "nginx"), strings.Replace(of("Deployment", "", "nginx"), "{template", "{replicas: 3, template", 1),
			handler.Entry{Check: imageTag}, warned},
		"its scale":         {scale(1), scale(3), handler.Entry{Check: imageTag}, ""}, // There is no template in it.
		"is put right":      {of("Deployment", "", "nginx"), of("Deployment", restarted, "nginx:1.2"), handler.Entry{Check: imageTag}, ""},
		"was right":         {of("Deployment", "", "nginx:1.1"), of("Deployment", restarted, "nginx:1.2"), handler.Entry{Check: imageTag}, ""},
		"a Pod stays":       {pod("b"), pod("c"), handler.Entry{Check: imageTag}, ""},
		"Pods are admitted": {of("Deployment", "", "nginx"), of("Deployment", restarted, "nginx"), handler.Entry{Check: imageTag, Mode: handler.Warn}, ""},
		"an exempt image": {of("Deployment", "", "nginx"), of("Deployment", restarted, "nginx"),
			handler.Entry{Check: imageTag, Exempt: handler.Exemptions{Images: []string{"docker.io/library/nginx"}}}, ""},
		"nothing of Pods": {`{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: 200}}`,
			`{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: 100}}`,
			handler.Entry{Check: built(t, definition(t, "replicaLimits"), "max: 5")}, ""},
	} {
		t.Run(title, func(t *testing.T) {
			req := requestOf(t, admissionv1.Update, tt.after)
			req.OldObject = requestOf(t, admissionv1.Update, tt.before).Object
			got := answerOf(t, handler.Options{Entries: []handler.Entry{tt.entry}}, req)
			if !got.Allowed || (len(got.Warnings) > 0) != (tt.warned != "") || tt.warned != "" &&
				(!strings.HasPrefix(got.Warnings[0], tt.warned) || !strings.Contains(got.Warnings[0], `image "nginx" has no tag`)) {
				t.Errorf("allowed: %t, warnings %q", got.Allowed, got.Warnings)
			}
		})
	}
}
