// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/hookstrap/hookstrap/pkg/doctor"
)

// TestFight: two programs write the caBundle in turn, each once between two looks. The server notices each look by its
// handshake.
func TestFight(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	looks := make(chan struct{}, 1)
	p.tls.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		select {
		case looks <- struct{}{}:
		default:
		}
		return nil, nil // The configuration stays.
	}
	p.build(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	both := append((*authority)(nil).signed(t, isCA).pem(), p.ca.pem()...)
	// Both verify the server.
	go p.fight(ctx, t, looks, both, p.ca.pem())
	cmd := exec.CommandContext(ctx, shared.program, "doctor", "--watch", "--interval=1s", "-o=json",
		"--kubeconfig="+shared.plane.Kubeconfig(), "--webhook-configuration=validating/"+p.meta.Name)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(stdout)
	var changes doctor.Changes
	for lines.Scan() { // The first report is many lines, and each change is one.
		if strings.Contains(lines.Text(), `"new":`) && changes.New == nil {
			must(t, json.Unmarshal(lines.Bytes(), &changes))
			must(t, cmd.Process.Signal(os.Interrupt))
		}
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("exit code %d, want 1: %v: %s", cmd.ProcessState.ExitCode(), err, &stderr)
	}
	if len(changes.New) != 1 || changes.New[0].ID != "ca-bundle-fought-over" ||
		!strings.Contains(changes.New[0].Message, "was put back 2 times to what it was before") ||
		!strings.Contains(changes.New[0].Message, `was last written by "injector"`) {
		t.Errorf("found: %+v", changes)
	}
}

// fight writes one of the caBundles after the other, one for each look.
func (p *place) fight(ctx context.Context, t *testing.T, looks <-chan struct{}, bundles ...[]byte) {
	t.Helper()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-looks:
		}
		patch, err := json.Marshal([]map[string]any{{"op": "replace", "path": "/webhooks/0/clientConfig/caBundle", "value": bundles[i%len(bundles)]}})
		if err == nil {
			_, err = shared.admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Patch(ctx, p.meta.Name, types.JSONPatchType,
				patch, metav1.PatchOptions{FieldManager: "injector"})
		}
		if err != nil && ctx.Err() == nil {
			t.Errorf("writing the caBundle: %v", err)
		}
	}
}
