// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"
)

// nodeName is that of the only node.
const nodeName = "node"

// kubelet is the port of a node that the API server dials for a port-forward, and nothing else of a kubelet. It forwards
// to where the servers of a test listen.
type kubelet struct {
	mu    sync.Mutex
	ports map[string]string // address by NAMESPACE/POD:PORT
}

func startKubelet(ctx context.Context, admin kubernetes.Interface) (*kubelet, error) {
	k := &kubelet{ports: map[string]string{}}
	server := httptest.NewTLSServer(k)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	node, err := admin.CoreV1().Nodes().Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: nodeName}}, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "127.0.0.1"}}
	node.Status.DaemonEndpoints.KubeletEndpoint.Port = int32(number)
	_, err = admin.CoreV1().Nodes().UpdateStatus(ctx, node, metav1.UpdateOptions{})
	return k, err
}

// listens says where a port of a Pod is.
func (k *kubelet) listens(namespace, pod string, port int32, address string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ports[fmt.Sprintf("%s/%s:%d", namespace, pod, port)] = address
}

func (k *kubelet) address(pod, port string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ports[pod+":"+port]
}

// ServeHTTP serves /portForward/NAMESPACE/POD, as kubelets do.
func (k *kubelet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/portForward/"), "/")
	if len(parts) < 2 {
		http.NotFound(w, r)
		return
	}
	if _, err := httpstream.Handshake(r, w, []string{"portforward.k8s.io"}); err != nil {
		return
	}
	streams := make(chan httpstream.Stream, 2)
	conn := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(s httpstream.Stream, _ <-chan struct{}) error {
		streams <- s
		return nil
	})
	if conn == nil {
		return
	}
	defer conn.Close()
	var data, errs httpstream.Stream
	for data == nil || errs == nil {
		select {
		case s := <-streams:
			if s.Headers().Get(corev1.StreamType) == corev1.StreamTypeError {
				errs = s
			} else {
				data = s
			}
		case <-conn.CloseChan():
			return
		}
	}
	k.forward(parts[0]+"/"+parts[1], data, errs)
	<-conn.CloseChan()
}

func (k *kubelet) forward(pod string, data, errs httpstream.Stream) {
	port := data.Headers().Get(corev1.PortHeader)
	defer errs.Close()
	address := k.address(pod, port)
	if address == "" {
		address = "127.0.0.1:1" // No process listens there.
	}
	to, err := net.Dial("tcp", address)
	if err != nil {
		_, _ = fmt.Fprintf(errs, "error forwarding port %s to pod %s: %v", port, pod, err)
		return
	}
	defer to.Close()
	done := make(chan struct{}, 2)
	go func() { _, _ = io.Copy(to, data); done <- struct{}{} }()
	go func() { _, _ = io.Copy(data, to); done <- struct{}{} }()
	<-done
	_ = data.Close()
}
