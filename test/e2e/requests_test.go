// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// Connections to a Pod are asked about by the rules of the component. There is no node to connect to: what the check
// lets through is refused for want of one.
func TestConnectionsAreAskedAbout(t *testing.T) {
	s := newCheckSite(t)
	must(t, s.handler.SetChecks())
	pod := site.Pod(site.GoodImage)
	pod.Name, pod.GenerateName = "db-0", ""
	_, err := s.Admin.CoreV1().Pods(s.Target).Create(t.Context(), pod, metav1.CreateOptions{})
	must(t, err)
	container := pod.Spec.Containers[0].Name
	connect := func(subresource string, options runtime.Object) string {
		err := s.Admin.CoreV1().RESTClient().Post().Namespace(s.Target).Resource("pods").Name("db-0").SubResource(subresource).
			VersionedParams(options, scheme.ParameterCodec).Do(t.Context()).Error()
		if err == nil {
			t.Fatalf("%s has connected to a Pod that is on no node", subresource)
		}
		return err.Error()
	}
	exec := &corev1.PodExecOptions{Container: container, Command: []string{"sh"}, Stdout: true}
	for _, tt := range []struct {
		params, subresource string
		options             runtime.Object
		want                string // "" is for what is let through
	}{
		{``, "exec", exec, `exec to container "` + container + `" of Pod "db-0" is not allowed`},
		{``, "attach", &corev1.PodAttachOptions{Container: container, Stdout: true}, `attach to container "` + container + `"`},
		{``, "portforward", &corev1.PodPortForwardOptions{Ports: []int32{80}}, `portforward to Pod "db-0" is not allowed`},
		{`subresources: [attach]`, "exec", exec, ""},
		{`namespaces: [` + s.Target + `]`, "exec", exec, `is not allowed`},
		{`namespaces: [` + s.Namespace + `]`, "exec", exec, ""},
		{`pods: [web]`, "exec", exec, ""},
		{`containers: [other]`, "exec", exec, ""},
	} {
		s.only(t, definitionOf(t, "podConnect"), tt.params)
		said := connect(tt.subresource, tt.options)
		isDenied := strings.Contains(said, "denied by 1 check: podConnect: ")
		if isDenied != (tt.want != "") || !strings.Contains(said, tt.want) {
			t.Errorf("%s with %q: %s", tt.subresource, tt.params, said)
		}
		t.Log(said)
	}
}

// Deletes are asked about with the object as it was..
func TestDeletesAreAskedAbout(t *testing.T) {
	s := newCheckSite(t)
	d := definitionOf(t, "protectedDeletes")
	must(t, s.handler.SetChecks())
	mustApply(t, renamed(t, d.Doc.Denied, "data", s.Target))
	mustApply(t, renamed(t, d.Doc.Admitted, "scratch", s.Target))
	mustApply(t, renamed(t, liveDeployment, "live", s.Target))
	volume := `{apiVersion: v1, kind: PersistentVolume, metadata: {name: ` + s.Target + `, labels: {` + siteLabel + `: ` + t.Name() +
		`}}, spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /data}}}`
	mustApply(t, volume)
	t.Cleanup(func() {
		must(t, s.handler.SetChecks())
		if said, err := kubectlIn(context.WithoutCancel(t.Context()), volume, "delete", "--wait=false", "-f", "-"); err != nil {
			t.Errorf("cleaning up: %v: %s", err, said)
		}
	})
	s.only(t, d, `objects: [{kinds: [deployments.apps], names: ["li*"]}, {kinds: [persistentvolumes]}]`)
	remove := func(denied bool, says string, what ...string) {
		t.Helper()
		said, err := kubectl(t, "", append([]string{"delete", "--wait=false", "-n", s.Target}, what...)...)
		if (err != nil) != denied || !strings.Contains(said, says) {
			t.Errorf("kubectl delete %v: %v: %s", what, err, said)
		}
		t.Log(said)
	}
	const protected = "denied by 1 check: protectedDeletes: "
	remove(true, protected+"metadata.labels[hookstrap.dev/protected]", "persistentvolumeclaim/data")
	remove(true, protected, "persistentvolumeclaims", "--selector=hookstrap.dev/protected=true")
	remove(false, "deleted", "persistentvolumeclaim/scratch")
	remove(true, "it is among objects[0] of the configuration", "deployment/live")
	remove(true, "it is among objects[1] of the configuration", "persistentvolume/"+s.Target)
	if said, err := kubectl(t, "", "label", "pvc/data", "-n", s.Target, "hookstrap.dev/protected-"); err != nil {
		t.Fatalf("taking the protection away: %v: %s", err, said)
	}
	remove(false, "deleted", "persistentvolumeclaim/data")
}
