// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package request

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/hookstrap/hookstrap/internal/logcap"
	"github.com/hookstrap/hookstrap/internal/serving"
)

// Kubeconfig is one that the API server takes.
type Kubeconfig struct{ config *clientcmdapi.Config }

// LogIn makes a kubeconfig of the pair and the way to the API server that cfg has, and asks the API server whether it
// takes the pair for the user and the groups of its subject.
func LogIn(ctx context.Context, cfg *rest.Config, pair *serving.Pair) (*Kubeconfig, error) {
	kubeconfig, err := kubeconfig(cfg, pair)
	if err != nil {
		return nil, err
	}
	if err := logIn(logcap.NewContext(ctx), kubeconfig, pair); err != nil {
		return nil, err
	}
	return &Kubeconfig{kubeconfig}, nil
}

// Write writes the kubeconfig to path: whole or not at all, readable by its owner alone. See [ProveKubeconfig] for the
// paths that can be written.
func (k *Kubeconfig) Write(path string) error {
	content, err := clientcmd.Write(*k.config)
	if err != nil {
		return fmt.Errorf("encoding the kubeconfig %s: %w", path, err)
	}
	if err := writeFile(path, content); err != nil {
		return fmt.Errorf("writing the kubeconfig %s: %w", path, err)
	}
	return nil
}

func kubeconfig(cfg *rest.Config, pair *serving.Pair) (*clientcmdapi.Config, error) {
	key, err := pair.KeyPEM()
	if err != nil {
		return nil, err
	}
	cluster, err := cluster(cfg)
	if err != nil {
		return nil, err
	}
	const clusterName = "kubernetes"
	user := pair.Leaf().Subject.CommonName
	name := user + "@" + clusterName
	out := clientcmdapi.NewConfig()
	out.Clusters[clusterName] = cluster
	out.AuthInfos[user] = &clientcmdapi.AuthInfo{ClientCertificateData: pair.CertPEM(), ClientKeyData: key}
	out.Contexts[name] = &clientcmdapi.Context{Cluster: clusterName, AuthInfo: user}
	out.CurrentContext = name
	return out, nil
}

// logIn asks the API server who the holder of the kubeconfig is.
func logIn(ctx context.Context, kubeconfig *clientcmdapi.Config, pair *serving.Pair) error {
	cfg, err := clientcmd.NewDefaultClientConfig(*kubeconfig, nil).ClientConfig()
	if err != nil {
		return fmt.Errorf("reading the new kubeconfig: %w", err)
	}
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return fmt.Errorf("making a client of the new kubeconfig: %w", err)
	}
	review, err := client.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{},
		metav1.CreateOptions{})
	if apierrors.IsNotFound(err) {
		return nil // Before Kubernetes 1.28 the API server does not say.
	}
	if err != nil {
		return fmt.Errorf("logging in with the new certificate, ask a signer whose CA is the API server's "+
			"--client-ca-file: %w", err)
	}
	who, subject := review.Status.UserInfo, pair.Leaf().Subject
	for _, group := range subject.Organization {
		if !slices.Contains(who.Groups, group) {
			return fmt.Errorf("the API server takes the new certificate for user %q without the group %q", who.Username, group)
		}
	}
	if who.Username != subject.CommonName {
		return fmt.Errorf("the API server takes the new certificate for user %q instead of %q", who.Username,
			subject.CommonName)
	}
	return nil
}

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
