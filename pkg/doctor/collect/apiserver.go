// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/pkg/doctor"
)

// apiServers reads the Pods of kube-apiserver, where it is a Pod: kubeadm and its like label them so.
func (p probing) apiServers(ctx context.Context) {
	pods, err := p.client.CoreV1().Pods(metav1.NamespaceSystem).List(ctx, metav1.ListOptions{
		LabelSelector: "component=kube-apiserver", Limit: p.PageSize})
	if err != nil {
		p.minor("kube-apiserver", fmt.Errorf("the proxy settings of the API server are not known, for its Pods "+
			"may not be listed: %w", err))
		return
	}
	for i := range pods.Items {
		p.facts.APIServers = append(p.facts.APIServers, apiServerOf(&pods.Items[i]))
	}
	if len(pods.Items) == 0 {
		p.minor("kube-apiserver", fmt.Errorf("the proxy settings of the API server are not known: it is no Pod of %s",
			metav1.NamespaceSystem))
	}
}

func apiServerOf(pod *corev1.Pod) doctor.APIServer {
	s := doctor.APIServer{Pod: pod.Namespace + "/" + pod.Name}
	for _, c := range pod.Spec.Containers {
		for _, variable := range c.Env {
			switch strings.ToUpper(variable.Name) {
			case "HTTPS_PROXY":
				s.Proxy = withoutPassword(variable.Value)
			case "NO_PROXY":
				s.NoProxy = variable.Value
			}
		}
		for _, argument := range slices.Concat(c.Command, c.Args) {
			if value, ok := strings.CutPrefix(argument, "--service-cluster-ip-range="); ok {
				s.ServiceRange = value
			}
		}
	}
	return s
}

// withoutPassword is the address of a proxy without credentials.
func withoutPassword(proxy string) string {
	if proxy == "" {
		return ""
	}
	u, err := url.Parse(proxy)
	if err != nil || u.Host == "" {
		return "set"
	}
	return u.Host
}
