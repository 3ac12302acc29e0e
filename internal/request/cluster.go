// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package request

import (
	"fmt"
	"net/http"

	"k8s.io/client-go/rest"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// cluster is the way to the API server that cfg has, as a kubeconfig says it.
func cluster(cfg *rest.Config) (*clientcmdapi.Cluster, error) {
	cfg = rest.CopyConfig(cfg)
	if err := rest.LoadTLSFiles(cfg); err != nil {
		return nil, fmt.Errorf("reading the CA of the API server: %w", err)
	}
	proxy, err := proxyURL(cfg)
	if err != nil {
		return nil, err
	}
	return &clientcmdapi.Cluster{
		Server: cfg.Host, CertificateAuthorityData: cfg.CAData, TLSServerName: cfg.ServerName, ProxyURL: proxy,
		InsecureSkipTLSVerify: cfg.Insecure, DisableCompression: cfg.DisableCompression,
	}, nil
}

// proxyURL is the proxy that cfg names. When it names none, the environment of the program that logs in decides.
func proxyURL(cfg *rest.Config) (string, error) {
	if cfg.Proxy == nil {
		return "", nil
	}
	server, _, err := rest.DefaultServerUrlFor(cfg)
	if err != nil {
		return "", fmt.Errorf("reading the address %q of the API server: %w", cfg.Host, err)
	}
	proxy, err := cfg.Proxy(&http.Request{URL: server})
	if err != nil {
		return "", fmt.Errorf("finding the proxy for the API server %s: %w", server, err)
	}
	if proxy == nil {
		return "", nil
	}
	return proxy.String(), nil
}
