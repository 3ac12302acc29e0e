// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestFixCopiesTheCA runs the command that a finding has, as a user would: the CA of the Secret is in the caBundle then, and
// nothing is wrong.
func TestFixCopiesTheCA(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]func(p *place, ca, leaf []byte){
		"the Secret of an annotation": func(p *place, ca, leaf []byte) {
			p.stored(map[string][]byte{"ca.crt": ca, "tls.crt": leaf})
		},
		"a Secret of kube-webhook-certgen": func(p *place, ca, leaf []byte) {
			p.mounts("web-admission")
			p.secret = &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "web-admission"}, Data: map[string][]byte{"ca": ca, "cert": leaf}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			ca := (*authority)(nil).signed(t, isCA)
			p.serves(ca.signed(t, named(p.host())), true)
			store(p, ca.pem(), p.leaf.pem())
			p.build(t)
			target := "--webhook-configuration=validating/" + p.meta.Name
			wantFindings(t, []string{"certificate-untrusted", "stored-ca-differs"}, target)
			report, _ := examine(t, target)
			for _, f := range report.Findings {
				if _, command, ok := strings.Cut(f.Fix, "copy it: "); ok {
					command, _, _ = strings.Cut(command, "; if the server has not")
					runAsUser(t.Context(), t, command)
				}
			}
			wantFindings(t, nil, target)
		})
	}
}

// runAsUser runs a line of a shell with kubectl and the kubeconfig of the cluster.
func runAsUser(ctx context.Context, t *testing.T, line string) {
	t.Helper()
	kubectl := shared.plane.Kubectl(ctx)
	cmd := exec.CommandContext(ctx, "bash", "-c", line)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+shared.plane.Kubeconfig(),
		fmt.Sprintf("PATH=%s:%s", filepath.Dir(kubectl.Path), os.Getenv("PATH")))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", line, err, out)
	}
}
