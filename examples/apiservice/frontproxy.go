// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
)

// frontProxy is what the API server says of the client certificate with which it calls aggregated API servers: in the
// ConfigMap kube-system/extension-apiserver-authentication. Without it, anything that reaches the port could name any
// user in the headers of a request.
type frontProxy struct {
	client kubernetes.Interface
	file   string   // has the CA, and is read again by the server when it changes
	names  []string // the common names that are allowed; none allows any
}

// read writes the CA into the file.
func (f *frontProxy) read(ctx context.Context) error {
	const name = "extension-apiserver-authentication"
	found, err := f.client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("reading ConfigMap kube-system/%s; bind Role %[1]s-reader to the ServiceAccount: %w", name, err)
	}
	ca := found.Data["requestheader-client-ca-file"]
	if ca == "" {
		return errors.New("the API server has no --requestheader-client-ca-file: it cannot prove who it is")
	}
	if err := json.Unmarshal([]byte(found.Data["requestheader-allowed-names"]), &f.names); err != nil {
		return fmt.Errorf("reading requestheader-allowed-names of ConfigMap kube-system/%s: %w", name, err)
	}
	return os.WriteFile(f.file, []byte(ca), 0o600)
}

// follow reads the CA again every minute, until ctx ends. What cannot be read changes nothing.
func (f *frontProxy) follow(ctx context.Context) {
	again := &frontProxy{client: f.client, file: f.file}
	ticker := time.NewTicker(time.Minute)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := again.read(ctx); err != nil {
				klog.FromContext(ctx).Error(err, "Keeping the client CA that is known")
			}
		}
	}
}
