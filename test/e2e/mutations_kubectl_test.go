// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/pkg/handler/mutation"
	"github.com/hookstrap/hookstrap/pkg/handlertest"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// TestMutationsWithKubectl: every built-in mutation, as people meet it: one server, whose file names one after the other,
// and the examples of the page. The API server asks by the configuration that the command manifest prints.
func TestMutationsWithKubectl(t *testing.T) {
	t.Parallel()
	m := newMutationSite(t, shared)
	for _, d := range mutation.Definitions() {
		t.Run(d.Name, func(t *testing.T) {
			m.configure(t, map[string]any{d.Name: parametersOf(t, d)})
			name := strings.ToLower(d.Name)
			wantChanged(t, renamed(t, d.Doc.Denied, name, m.Target), renamed(t, d.Doc.Admitted, name, m.Target))
		})
	}
	t.Run("all of them", func(t *testing.T) {
		m.configure(t, m.all(t))
		manifest := renamed(t, definitionOf(t, "defaultTopologySpread").Doc.Denied, "all", m.Target)
		want := wantChanged(t, manifest, renamed(t, changedByAll, "all", m.Target))
		m.wantAsShown(t, manifest)
		wantStored(t, manifest, want)
	})
	t.Run("applied again", m.wantAppliedAgain)
	t.Run("modes and exemptions", m.wantModes)
	t.Run("what the printed configuration leaves out", m.wantLeftOut) // The last, as it ends the server.
}

// changedByAll is the Deployment of the page of defaultTopologySpread as all built-in mutations together change it: a
// mutation that did not see what those before it have changed would take it back.
const changedByAll = `
apiVersion: apps/v1
kind: Deployment
metadata: {labels: {cost-center: unassigned}, annotations: {example.com/cluster: eu-1}}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      automountServiceAccountToken: false
      securityContext: {seccompProfile: {type: RuntimeDefault}}
      containers:
      - name: web
        image: ghcr.io/acme/web:v1@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
        resources: {requests: {cpu: 10m, memory: 64Mi}}
        securityContext: {capabilities: {drop: [ALL]}}
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway,
         labelSelector: {matchLabels: {app: web}}, matchLabelKeys: [pod-template-hash]}
      - {maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: ScheduleAnyway,
         labelSelector: {matchLabels: {app: web}}, matchLabelKeys: [pod-template-hash]}
`

// wantChanged waits until the API server makes of one manifest what it makes of another, which it leaves as it is: also
// that one is given to the mutations. It returns what has become of both.
func wantChanged(t *testing.T, manifest, other string) (want map[string]any) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) error { // until the file is read
		objects, err := send(ctx, manifest+"\n---\n"+other, "create", "--dry-run=server")
		if err != nil {
			return err
		}
		want = written(t, objects[1])
		if diff := cmp.Diff(want, written(t, objects[0])); diff != "" {
			return fmt.Errorf("what the API server makes of it (-page +mutation):\n%s", diff)
		}
		return nil
	})
	return want
}

// wantStored wants a manifest to be stored like that. Written back as it was stored, nothing changes.
func wantStored(t *testing.T, manifest string, want map[string]any) {
	t.Helper()
	for _, command := range []string{"create", "replace"} {
		objects, err := send(t.Context(), manifest, command)
		must(t, err)
		if diff := cmp.Diff(want, written(t, objects[0])); diff != "" {
			t.Errorf("what kubectl %s stores (-want +got):\n%s", command, diff)
		}
		delete(objects[0]["metadata"].(map[string]any), "resourceVersion") // Its controller may have written it by now.
		text, err := json.Marshal(objects[0])
		must(t, err)
		manifest = string(text)
	}
}

// send runs kubectl with a manifest on standard input, and returns the objects that it prints.
func send(ctx context.Context, manifest string, args ...string) (objects []map[string]any, err error) {
	said, err := kubectlIn(ctx, manifest, append(args, "-o", "json", "-f", "-")...)
	if err != nil {
		return nil, fmt.Errorf("kubectl %q: %w: %s", args, err, said)
	}
	for decoder := json.NewDecoder(strings.NewReader(said)); ; {
		var object map[string]any
		switch err := decoder.Decode(&object); {
		case errors.Is(err, io.EOF):
			return objects, nil
		case err != nil:
			return nil, fmt.Errorf("kubectl %q has printed %q: %w", args, said, err)
		}
		objects = append(objects, object)
	}
}

// written are the parts of an object that people write, and mutations change.
func written(t *testing.T, object map[string]any) (parts map[string]any) {
	t.Helper()
	metadata, _ := object["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	delete(annotations, "deployment.kubernetes.io/revision") // of its controller
	text, err := json.Marshal(map[string]any{"labels": metadata["labels"],
		"annotations": fmt.Sprint(annotations), // None are none, in whatever form.
		"spec":        object["spec"], "data": object["data"]})
	must(t, err)
	// The API server names what it mounts for the token by chance.
	text = regexp.MustCompile(`kube-api-access-\w+`).ReplaceAll(text, []byte("kube-api-access-x"))
	must(t, json.Unmarshal(text, &parts))
	return parts
}

// wantAsShown: what the command check shows of a manifest without a cluster is what the API server makes of it.
func (m *mutationSite) wantAsShown(t *testing.T, manifest string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "manifest.yaml")
	must(t, os.WriteFile(file, []byte(manifest), 0o600))
	shown, err := runToEnd(t, "check", "--show-mutations", "--config="+m.config, "-f", file)
	must(t, err)
	var wanted bytes.Buffer
	sign := "+"
	for line := range strings.Lines(shown) {
		if strings.HasPrefix(line, "  - ") { // what was; what is follows
			sign = "~"
		} else if change, found := strings.CutPrefix(line, "  + "); found {
			_, _ = fmt.Fprintf(&wanted, "# want: %s %s", sign, change)
			sign = "+"
		}
	}
	if lines := strings.Count(wanted.String(), "\n"); lines != len(mutation.Definitions())+1 {
		t.Errorf("%d fields are changed, want one for each mutation, and labels as well as annotations, in\n%s", lines, shown)
	}
	must(t, os.WriteFile(file, append(wanted.Bytes(), manifest...), 0o600))
	handlertest.ExpectFiles(t, filepath.Dir(file), handlertest.Server(shared.Config(), m.Target))
}

const plainPod = `{apiVersion: v1, kind: Pod, spec: {containers: [{name: web, image: "ghcr.io/acme/web:v1"}]}}`

// wantAppliedAgain: to apply a manifest a second time changes nothing, and an API server does not take it for a change of
// what is immutable.
func (m *mutationSite) wantAppliedAgain(t *testing.T) {
	const job = `{apiVersion: batch/v1, kind: Job, spec: {template: {spec: {restartPolicy: Never, containers: [{name: web, image: "ghcr.io/acme/web:v1"}]}}}}`
	for i, apply := range [][]string{{"apply"}, {"apply", "--server-side"}} {
		for kind, manifest := range map[string]string{"job": job, "pod": plainPod} {
			manifest = renamed(t, manifest, fmt.Sprintf("again-%d", i), m.Target)
			first, err := send(t.Context(), manifest, apply...)
			must(t, err)
			again, err := send(t.Context(), manifest, apply...)
			if err != nil {
				t.Errorf("%s: %v", kind, err)
				continue
			}
			want := written(t, first[0])
			if text := fmt.Sprint(want); !strings.Contains(text, "@sha256:") {
				t.Errorf("%s has no digest: %s", kind, text)
			}
			if diff := cmp.Diff(want, written(t, again[0])); diff != "" {
				t.Errorf("%s, applied again by kubectl %q (-first +again):\n%s", kind, apply, diff)
			}
		}
	}
}

// wantModes: one mutation changes the Pod, one warns the user, one tells the operator, and two are not asked.
func (m *mutationSite) wantModes(t *testing.T) {
	var mutations map[string]any
	must(t, yaml.Unmarshal([]byte(`
addMetadata: {labels: {cost-center: unassigned}}
defaultSeccompProfile: {mode: warn}
dropCapabilities: {mode: audit}
defaultRequests: {mode: "off", requests: {cpu: 10m}}
noServiceAccountToken: {exempt: {namespaces: [`+m.Target+`]}}
`), &mutations))
	m.configure(t, mutations)
	clustertest.Eventually(t, func(ctx context.Context) error {
		said, err := kubectlIn(ctx, renamed(t, plainPod, "modes", m.Target), "create", "--dry-run=server", "-f", "-", "-o",
			"jsonpath=now {.metadata.labels}, {.spec.securityContext}, {.spec.containers[0].securityContext}, "+
				"{.spec.containers[0].resources}, {.spec.automountServiceAccountToken}.")
		const warning, now = "Warning: defaultSeccompProfile: spec.securityContext.seccompProfile: would be ", `now {"cost-center":"unassigned"}, {}, , {}, .`
		if err != nil || !strings.Contains(said, warning) || !strings.HasSuffix(said, now) {
			err = fmt.Errorf("kubectl has printed %q, want %q and %q: %w", said, warning, now, errOrNil(err))
		}
		return err
	})
	const decisions = `hookstrap_admission_check_decisions_total{check="%s",decision="%s",mode="%s",operation="CREATE",resource="pods"} `
	for _, line := range []string{
		fmt.Sprintf(decisions, "addMetadata", "changed", "apply"), fmt.Sprintf(decisions, "defaultSeccompProfile", "warned", "warn"),
		fmt.Sprintf(decisions, "dropCapabilities", "audited", "audit"),
		`hookstrap_admission_exemptions_total{by="namespace",check="noServiceAccountToken"} `,
	} {
		must(t, hasText(t.Context(), "http://"+m.metrics+"/metrics", "\n"+line))
	}
	const logged = `"checks":"dropCapabilities","finding":"spec.containers[0].securityContext: would be set to `
	clustertest.Eventually(t, func(context.Context) error { // Its log comes through a pipe.
		if !strings.Contains(m.server.Log(), logged) {
			return errors.New("the server has not logged " + logged)
		}
		return nil
	})
}

// wantLeftOut: once no server is there, what the API server asks about is refused. What all mutations exempt is not.
func (m *mutationSite) wantLeftOut(t *testing.T) {
	m.server.Kill()
	for _, tt := range []struct{ namespace, user, group, want string }{
		{m.Target, "jane", "people", "failed calling webhook"},
		{m.exempt, "jane", "people", "pod/asked created (server dry run)"},
		{m.Target, exemptUser, "people", "pod/asked created (server dry run)"},
		{m.Target, "jane", exemptGroup, "pod/asked created (server dry run)"},
	} {
		said, _ := kubectl(t, renamed(t, plainPod, "asked", tt.namespace), "create", "--dry-run=server", "-f", "-",
			"--as="+tt.user, "--as-group=system:masters", "--as-group="+tt.group)
		if !strings.Contains(said, tt.want) {
			t.Errorf("kubectl has printed %q, want %q", said, tt.want)
		}
	}
}
