// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package request

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// TestClusterIsReachedAsBefore: what a kubeconfig says about the way to the API server is in the next one too.
func TestClusterIsReachedAsBefore(t *testing.T) {
	for name, want := range map[string]*clientcmdapi.Cluster{
		"plain":         {CertificateAuthorityData: []byte("ca")},
		"another name":  {TLSServerName: "api.example.com"},
		"unverified":    {InsecureSkipTLSVerify: true},
		"uncompressed":  {DisableCompression: true},
		"proxy":         {ProxyURL: "http://proxy.example.com:3128"},
		"proxy by name": {ProxyURL: "https://jane:secret@proxy.example.com", TLSServerName: "api.example.com"},
		"SOCKS":         {ProxyURL: "socks5://127.0.0.1:1080"},
	} {
		t.Run(name, func(t *testing.T) {
			want.Server = "https://10.0.0.1:6443/prefix"
			before := clientcmdapi.NewConfig()
			before.Clusters["c"], before.Contexts["c"] = want, &clientcmdapi.Context{Cluster: "c"}
			before.CurrentContext = "c"
			cfg, err := clientcmd.NewDefaultClientConfig(*before, nil).ClientConfig()
			if err != nil {
				t.Fatal(err)
			}
			got, err := cluster(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("cluster (-want +got):\n%s", diff)
			}
		})
	}
}
