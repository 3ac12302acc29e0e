// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/assets"
)

// tokenLifetime outlives any test run and a day with the demo.
const tokenLifetime = 24 * time.Hour

func (c *Cluster) addAdmin() error {
	// Tests must not wait for their own client.
	unthrottled := &rest.Config{QPS: 1000, Burst: 2000}
	var err error
	c.admin, err = c.addUser(envtest.User{Name: "admin", Groups: []string{"system:masters"}}, unthrottled)
	return err
}

// grantAccess writes the files through which people and the controller-manager get at the API server.
func (c *Cluster) grantAccess() error {
	manager, err := c.AddUser("system:kube-controller-manager")
	if err != nil {
		return err
	}
	if c.kubeconfig, err = c.WriteKubeconfig(c.admin, "admin"); err != nil {
		return err
	}
	if c.managerConfig, err = c.WriteKubeconfig(manager, string(assets.ControllerManager)); err != nil {
		return err
	}
	// kubeadm's clusters have one CA for both, which is why kube-root-ca.crt verifies signed certificates there.
	c.managerRootCAs = filepath.Join(c.dir, "root-cas.crt")
	bundle := slices.Concat(c.admin.CAData, c.ca.certPEM)
	if err := os.WriteFile(c.managerRootCAs, bundle, 0o600); err != nil {
		return fmt.Errorf("writing the root CAs: %w", err)
	}
	return nil
}

// AddUser returns a configuration that logs in with a client certificate, as that user in those groups.
func (c *Cluster) AddUser(name string, groups ...string) (*rest.Config, error) {
	return c.addUser(envtest.User{Name: name, Groups: groups}, nil)
}

func (c *Cluster) addUser(user envtest.User, base *rest.Config) (*rest.Config, error) {
	c.users.Lock()
	defer c.users.Unlock()
	added, err := c.plane.AddUser(user, base)
	if err != nil {
		return nil, fmt.Errorf("adding the user %s: %w", user.Name, err)
	}
	return added.Config(), nil
}

// Config returns a configuration with all rights. Every call returns a copy of its own.
func (c *Cluster) Config() *rest.Config { return rest.CopyConfig(c.admin) }

// Kubeconfig returns the path of a kubeconfig with all rights.
func (c *Cluster) Kubeconfig() string { return c.kubeconfig }

// ServiceAccountConfig returns a configuration which is that service account and nothing else, by a token that is valid
// for a day. The service account must exist.
func (c *Cluster) ServiceAccountConfig(ctx context.Context, namespace, name string) (*rest.Config, error) {
	client, err := kubernetes.NewForConfig(c.admin)
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		ExpirationSeconds: new(int64(tokenLifetime.Seconds())),
	}}
	answer, err := client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, request, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("requesting a token for service account %s/%s: %w", namespace, name, err)
	}
	cfg := rest.AnonymousClientConfig(c.admin)
	cfg.BearerToken = answer.Status.Token
	return cfg, nil
}

// WriteKubeconfig writes a configuration to the file <name>.kubeconfig in Dir, readable only by its owner, and returns
// its path. Certificates, keys and tokens are taken over; plugins and files are not.
func (c *Cluster) WriteKubeconfig(cfg *rest.Config, name string) (string, error) {
	if name == "" || name != filepath.Base(name) {
		return "", fmt.Errorf("writing the kubeconfig %q: the name must be a file name", name)
	}
	if cfg == nil {
		return "", errors.New("writing a kubeconfig: the configuration is nil")
	}
	kubeconfig := clientcmdapi.NewConfig()
	kubeconfig.Clusters[name] = &clientcmdapi.Cluster{Server: cfg.Host, CertificateAuthorityData: cfg.CAData}
	kubeconfig.AuthInfos[name] = &clientcmdapi.AuthInfo{
		ClientCertificateData: cfg.CertData,
		ClientKeyData:         cfg.KeyData,
		Token:                 cfg.BearerToken,
	}
	kubeconfig.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	kubeconfig.CurrentContext = name
	path := filepath.Join(c.dir, name+".kubeconfig")
	if err := clientcmd.WriteToFile(*kubeconfig, path); err != nil {
		return "", fmt.Errorf("writing the kubeconfig %s: %w", path, err)
	}
	return path, nil
}

// Kubectl returns a command that runs the pinned kubectl with all rights. A --kubeconfig among args takes precedence.
func (c *Cluster) Kubectl(ctx context.Context, args ...string) *exec.Cmd {
	own := []string{"--kubeconfig=" + c.kubeconfig, "--cache-dir=" + filepath.Join(c.dir, "kubectl-cache")}
	return exec.CommandContext(ctx, c.layout.Path(assets.Kubectl), append(own, args...)...)
}
