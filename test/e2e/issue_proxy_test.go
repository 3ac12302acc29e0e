// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
)

// newTunnel starts an HTTP proxy which connects everybody to address, no matter what they ask for.
func newTunnel(t *testing.T, address string) *httptest.Server {
	t.Helper()
	tunnel := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			http.Error(w, "not a tunnel", http.StatusMethodNotAllowed)
			return
		}
		server, err := new(net.Dialer).DialContext(r.Context(), "tcp", address)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer server.Close()
		client, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer client.Close()
		// Not before the connection is ours: net/http would read what the client says to that.
		if _, err := io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n"); err != nil {
			return
		}
		go func() { _, _ = io.Copy(server, buffered) }()
		_, _ = io.Copy(client, server)
	}))
	t.Cleanup(tunnel.Close)
	return tunnel
}

// TestRequestLogsInThroughAProxy: the kubeconfig reaches the API server as the one that it was made with does.
func TestRequestLogsInThroughAProxy(t *testing.T) {
	t.Parallel()
	kubeconfig, err := clientcmd.LoadFromFile(shared.Kubeconfig())
	must(t, err)
	for _, cluster := range kubeconfig.Clusters {
		server, err := url.Parse(cluster.Server)
		must(t, err)
		cluster.Server, cluster.TLSServerName = "https://api.invalid:6443", "localhost"
		cluster.ProxyURL = newTunnel(t, server.Host).URL
	}
	dir := t.TempDir()
	through, path := filepath.Join(dir, "through"), filepath.Join(dir, "jane")
	must(t, clientcmd.WriteToFile(*kubeconfig, through))
	output, err := runRequest(t, "--kubeconfig="+through, "--usage=client-auth", "--common-name=jane", "--approve=self",
		"--write-kubeconfig="+path)
	if err != nil {
		t.Fatalf("%v:\n%s", err, output)
	}
	wantUser(t, path, "jane", []string{"system:authenticated"})
}
