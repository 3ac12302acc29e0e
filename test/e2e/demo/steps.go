// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/internal/inforce"
)

const (
	badPod = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"bad","namespace":"default"},"spec":{"containers":[` +
		`{"name":"app","image":"registry.example/app","securityContext":{"privileged":true}}]}}`
	goodPod = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"good","namespace":"default"},"spec":{"containers":[` +
		`{"name":"app","image":"registry.example/app:v1.2.3"}]}}`
)

// comesIntoForce: nothing is denied before a replica has been ready for some seconds.
func (d *demo) comesIntoForce(ctx context.Context) error {
	say("Nothing is denied until the entries are in force, %s after a replica is ready", inforce.Settle)
	subject := "--for=jsonpath={.subjects[0].name}=" + inforce.Subject().Name
	return d.kubectl(ctx, "wait", "clusterrolebinding/"+inForce, subject, "--timeout=30s")
}

// admissions: the API server calls the server, and its verdicts reach the user.
func (d *demo) admissions(ctx context.Context) error {
	say("A bad Pod: privileged, and its image has no tag")
	out, err := d.create(ctx, badPod)
	if err == nil {
		return errors.New("the bad Pod was admitted")
	}
	if !strings.Contains(out, "denied the request") {
		return fmt.Errorf("the bad Pod was refused, but not by the webhook: %s", out)
	}
	detail("%s", out)
	say("A good Pod")
	out, err = d.create(ctx, goodPod)
	detail("%s", out)
	return err
}

// requests shows what the signer left behind, as kubectl prints it.
func (d *demo) requests(ctx context.Context) error {
	say("kubectl get csr")
	return d.kubectl(ctx, "get", "csr")
}

// renewal asks for a new certificate while the old one serves.
func (d *demo) renewal(ctx context.Context) error {
	say("SIGHUP: renew the certificate now")
	before := len(d.server.Phases("served"))
	began := time.Now()
	if err := d.server.Signal(syscall.SIGHUP); err != nil {
		return err
	}
	served, err := d.await(ctx, "served", before+1)
	if err != nil {
		return err
	}
	detail("a new certificate is requested, trusted and served after %s", round(served.At.Sub(began)))
	_, err = d.create(ctx, strings.Replace(goodPod, `"good"`, `"after-renewal"`, 1))
	if err == nil {
		detail("and the API server goes on calling: pod/after-renewal created")
	}
	return err
}

// healing empties the caBundle, as a careless upgrade does, and watches it come back.
func (d *demo) healing(ctx context.Context) error {
	say("Somebody empties the caBundle")
	client, err := kubernetes.NewForConfig(d.cluster.Config())
	if err != nil {
		return err
	}
	configurations := client.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	clobbered, err := configurations.Patch(ctx, configuration, types.JSONPatchType,
		[]byte(`[{"op":"remove","path":"/webhooks/0/clientConfig/caBundle"}]`), metav1.PatchOptions{FieldManager: "somebody"})
	if err != nil {
		return err
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	changes, err := configurations.Watch(ctx, metav1.ListOptions{
		FieldSelector: "metadata.name=" + configuration, ResourceVersion: clobbered.ResourceVersion})
	if err != nil {
		return err
	}
	defer changes.Stop()
	if _, open := <-changes.ResultChan(); !open {
		return errors.New("the caBundle was not repaired within 30 s")
	}
	detail("the server has put it back after %s", round(time.Since(began)))
	_, err = d.create(ctx, strings.Replace(goodPod, `"good"`, `"after-healing"`, 1))
	if err == nil {
		detail("and the API server goes on calling: pod/after-healing created")
	}
	return err
}

// shutdown ends the server as a kubelet does.
func (d *demo) shutdown(context.Context) error {
	say("SIGTERM: a last second of serving, drained")
	began := time.Now()
	if err := d.server.Stop(); err != nil {
		return fmt.Errorf("webhook serve did not leave in order: %w", err)
	}
	detail("exit code 0 after %s", round(time.Since(began)))
	return nil
}

// create runs `kubectl create` and returns what it prints.
func (d *demo) create(ctx context.Context, manifest string) (string, error) {
	cmd := d.cluster.Kubectl(ctx, "create", "-f", "-")
	cmd.Stdin = strings.NewReader(manifest)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("kubectl create: %w: %s", err, out)
	}
	return string(out), err
}

// kubectl runs a command and prints what it prints.
func (d *demo) kubectl(ctx context.Context, args ...string) error {
	out, err := d.cluster.Kubectl(ctx, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, out)
	}
	detail("%s", out)
	return nil
}
