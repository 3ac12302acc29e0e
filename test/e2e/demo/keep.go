// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// checks is the configuration of the server: a copy of the one that the manifests install.
func (d *demo) checks() string { return filepath.Join(d.cluster.Dir(), "checks.yaml") }

// openFiles writes that configuration, and opens the file that the server's log is copied to.
func (d *demo) openFiles() error {
	shipped, err := os.ReadFile(filepath.Join(d.root, "manifests", "components", "deny", "checks.yaml"))
	if err != nil {
		return fmt.Errorf("reading the configuration of the manifests: %w", err)
	}
	// An editor finds the schema from where the copy is, too.
	schema := []byte("$schema=" + filepath.Join(d.root, "docs", "checkconfiguration.schema.json"))
	shipped = regexp.MustCompile(`\$schema=\S+`).ReplaceAllLiteral(shipped, schema)
	if err := os.WriteFile(d.checks(), shipped, 0o600); err != nil { // #nosec G703 -- in the demo's own directory
		return fmt.Errorf("writing the configuration of the server: %w", err)
	}
	if d.log, err = os.Create(filepath.Join(d.cluster.Dir(), "webhook.log")); err != nil {
		return fmt.Errorf("opening the file for the server's log: %w", err)
	}
	return nil
}

// writeEnvironment writes the file that makes a shell find the cluster, kubectl and the server's binary.
func (d *demo) writeEnvironment(ctx context.Context) (string, error) {
	file := filepath.Join(d.cluster.Dir(), "env")
	kubectl := d.cluster.Kubectl(ctx).Args[0]
	content := fmt.Sprintf("export KUBECONFIG='%s'\nexport PATH='%s:%s':\"$PATH\"\n",
		d.cluster.Kubeconfig(), filepath.Dir(kubectl), filepath.Dir(d.binary))
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		return "", fmt.Errorf("writing the environment of the demo: %w", err)
	}
	return file, nil
}

// keep leaves everything running for as long as the user likes.
func (d *demo) keep(ctx context.Context) error {
	if os.Getenv("KEEP") == "" {
		return nil
	}
	environment, err := d.writeEnvironment(ctx)
	if err != nil {
		return err
	}
	say("KEEP=1: everything goes on running until Ctrl-C. In another terminal:")
	detail("source %s", environment)
	say("Then, for example:")
	detail("kubectl get csr,validatingwebhookconfigurations\n"+
		"kubectl run bad --image=nginx\n"+
		"kubectl -n %s get secret hookstrap-ca -o yaml\n"+
		"curl -s 'http://%s/readyz?verbose'\n"+
		"curl -s http://%s/metrics | grep ^hookstrap\n"+
		"less %s\n"+
		"$EDITOR %s    # what is checked; the server follows it\n"+
		"webhook check --help",
		namespace, d.health, d.metrics, d.log.Name(), d.checks())
	<-ctx.Done()
	return nil
}
