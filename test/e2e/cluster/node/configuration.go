// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"text/template"
)

// cniPlugins is where Debian's package puts them.
const cniPlugins = "/usr/lib/cni"

//go:embed conf
var configurations embed.FS

// settings are what the templates may use.
type settings struct {
	Name, Dir, Address, PodCIDR, CNIPlugins, PauseImage, ClientCAs, ProxyKubeconfig string
}

func (n *Node) settings() settings {
	return settings{
		Name:            n.Name(),
		Dir:             n.path("conf"),
		Address:         n.Address(),
		PodCIDR:         n.network.pods(),
		CNIPlugins:      cniPlugins,
		PauseImage:      PauseImage,
		ClientCAs:       n.path("conf", "client-ca.crt"),
		ProxyKubeconfig: n.kubeconfig(Proxy),
	}
}

// write fills in a template and writes it to a file of the same name in the node's directory.
func (n *Node) write(name string, values settings) error {
	t, err := template.ParseFS(configurations, "conf/"+name)
	if err != nil {
		return fmt.Errorf("parsing the node's %s: %w", name, err)
	}
	f, err := os.OpenFile(n.path("conf", name), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("writing the node's %s: %w", name, err)
	}
	if err := t.Execute(f, values); err != nil {
		_ = f.Close()
		return fmt.Errorf("writing the node's %s: %w", name, err)
	}
	return f.Close()
}

// kubeconfig is the path of a component's.
func (n *Node) kubeconfig(c Component) string { return filepath.Join(n.Dir(), string(c)+".kubeconfig") }

// writeBootFiles writes what the machine needs to boot.
func (n *Node) writeBootFiles() error {
	if err := n.mkdir("conf"); err != nil {
		return err
	}
	return n.write("boot.sh", settings{})
}

// writeConfigurations writes what needs the control plane: kubeconfigs, and the files that name them.
func (n *Node) writeConfigurations() error {
	if err := os.WriteFile(n.path("conf", "client-ca.crt"), n.SigningCA(), 0o600); err != nil {
		return fmt.Errorf("writing the kubelet's client CAs: %w", err)
	}
	for c, user := range map[Component][]string{
		Kubelet:   {"system:node:" + n.Name(), "system:nodes"},
		Scheduler: {"system:kube-scheduler"},
		Proxy:     {"system:kube-proxy"},
	} {
		cfg, err := n.AddUser(user[0], user[1:]...)
		if err != nil {
			return err
		}
		if _, err := n.WriteKubeconfig(cfg, string(c)); err != nil {
			return err
		}
	}
	for _, name := range []string{"bridge.conflist", "containerd.toml", "kubelet.yaml", "proxy.yaml"} {
		if err := n.write(name, n.settings()); err != nil {
			return err
		}
	}
	return nil
}
