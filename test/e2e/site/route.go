// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package site

import (
	"context"
	"fmt"
	"net"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/test/ports"
)

// Route returns the address at which the API server calls a server of this machine, once the manifests are installed.
// That is the Service's cluster IP, with its port as it is installed or, where this user may not listen on that, with a
// free one, which is written into the Service and into the configuration. Where no process can listen at a cluster IP,
// as on macOS, the Service becomes one of type ExternalName that names localhost.
func Route(
	ctx context.Context, admin kubernetes.Interface, namespace, service, configuration string,
) (address string, err error) {
	found, err := admin.CoreV1().Services(namespace).Get(ctx, service, metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("routing Service %s/%s: %w", namespace, service, err)
	}
	ip, port := found.Spec.ClusterIP, int(found.Spec.Ports[0].Port)
	if listenable(ctx, ip, port) {
		return net.JoinHostPort(ip, strconv.Itoa(port)), nil
	}
	free, err := ports.Free(ctx, 1)
	if err != nil {
		return "", err
	}
	if port = free[0]; !listenable(ctx, ip, port) {
		ip = "127.0.0.1"
		found.Spec = corev1.ServiceSpec{
			Type: corev1.ServiceTypeExternalName, ExternalName: "localhost", Ports: found.Spec.Ports}
	}
	found.Spec.Ports[0].Port = int32(port) // #nosec G115 -- a port.
	if _, err := admin.CoreV1().Services(namespace).Update(ctx, found, metav1.UpdateOptions{}); err != nil {
		return "", fmt.Errorf("routing Service %s/%s: %w", namespace, service, err)
	}
	return net.JoinHostPort(ip, strconv.Itoa(port)), callPort(ctx, admin, configuration, port)
}

// callPort has the API server call that port of the Service.
func callPort(ctx context.Context, admin kubernetes.Interface, configuration string, port int) error {
	configurations := admin.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	found, err := configurations.Get(ctx, configuration, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("changing the port of the webhooks: %w", err)
	}
	for i := range found.Webhooks {
		if service := found.Webhooks[i].ClientConfig.Service; service != nil {
			service.Port = new(int32(port)) // #nosec G115 -- a port.
		}
	}
	if _, err := configurations.Update(ctx, found, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("changing the port of the webhooks: %w", err)
	}
	return nil
}

// listenable reports whether this process may listen there, and no other process does.
func listenable(ctx context.Context, ip string, port int) bool {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(ip, strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return listener.Close() == nil
}
