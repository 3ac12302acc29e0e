// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node && linux

package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// TestKillLosesWhatWasInFlight kills the server of a pod, as the kernel does when memory runs out. No one can save what
// that process was answering: at most as many admissions as there are clients. Anyone who calls until the kubelet has
// restarted it waits at the listener that the other container holds open.
//
// Then it kills what holds the port open, which must cost nothing, and the server after that: the new holder must have got
// the port from it.
func TestKillLosesWhatWasInFlight(t *testing.T) {
	install(t)
	restart(t) // A container that is killed a second time is restarted only after a while.
	pods := awaitRolledOut(t, 2)
	t.Run("the server", func(t *testing.T) { killServer(t, &pods[0]) })
	t.Run("the listener", func(t *testing.T) { killListener(t, &pods[1]) })
	t.Run("the server of a restarted listener", func(t *testing.T) { killServer(t, &pods[1]) })
}

func killListener(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	awaitProxied(t)
	s := startStream(t)
	k := kill(t, pod, listenerContainer)
	k.awaitBack(t)
	awaitProxied(t)
	clustertest.EventuallyWithin(t, patience, func(context.Context) error {
		if log := logOf(t, pod, listenerContainer); !strings.Contains(log, "Adopted the listener") {
			return fmt.Errorf("pod %s: the new holder has not got the port: %s", pod.Name, log)
		}
		return nil
	})
	t.Logf("SIGKILL of the listener: Ready after %s", k.took(k.ready))
	s.wantNoneFailed(t)
}

// killServer kills the server of a pod under load.
func killServer(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	awaitProxied(t)
	s := startStream(t)
	k := kill(t, pod, serverContainer)
	k.awaitServing(t)
	k.awaitBack(t)
	awaitProxied(t)
	f := s.stop(t)
	inFlight, waited, others := k.sort(s.so())
	t.Logf("SIGKILL: failed %d in flight, 0 refused, %d waited for the next process, %s at most; dead after %s, serving "+
		"again after %s, Ready after %s", len(inFlight), len(waited), longest(waited), k.took(k.dead), k.took(k.serving),
		k.took(k.ready))
	f.report(t, others)
	if len(inFlight) > streamClients {
		t.Errorf("%d failed in flight, and there are %d clients", len(inFlight), streamClients)
	}
}

// killed is a container whose process was killed, and when what came of it was seen: the process was gone, the next one
// answered, and the pod was Ready.
type killed struct {
	pod                      *corev1.Pod
	container                string
	restartsBefore           int32
	at, dead, serving, ready time.Time
}

func kill(t *testing.T, pod *corev1.Pod, container string) *killed {
	t.Helper()
	now, err := client(t).CoreV1().Pods(namespace).Get(t.Context(), pod.Name, metav1.GetOptions{})
	must(t, err)
	pid, err := process1(now, container)
	must(t, err)
	process, err := unix.PidfdOpen(pid, 0)
	must(t, err)
	defer func() { _ = unix.Close(process) }()
	k := &killed{pod: now, container: container, restartsBefore: statusOf(now, container).RestartCount, at: time.Now()}
	must(t, unix.PidfdSendSignal(process, unix.SIGKILL, nil, 0))
	awaitEnd(t, process)
	k.dead = time.Now()
	return k
}

// awaitEnd returns when all threads of a process have ended, and its connections with them. Its entry in /proc shows the
// end of the first one, tens of milliseconds before that: what the API server sends during that time is still received.
func awaitEnd(t *testing.T, process int) {
	t.Helper()
	ended := []unix.PollFd{{Fd: int32(process), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(ended, int(patience.Milliseconds()))
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			t.Fatal(err)
		case n == 0:
			t.Fatal("the process does not end")
		default:
			return
		}
	}
}

// awaitServing returns when the next process answers a connection that was made before it was there.
func (k *killed) awaitServing(t *testing.T) {
	t.Helper()
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
	conn, err := dialer.DialContext(t.Context(), "tcp", net.JoinHostPort(k.pod.Status.PodIP, "9443"))
	if err != nil {
		t.Fatalf("a connection to a pod whose server was killed did not wait for the next one: %v", err)
	}
	k.serving = time.Now()
	_ = conn.Close()
}

// awaitBack waits until the container was restarted, and the pod is seen to be Ready.
func (k *killed) awaitBack(t *testing.T) {
	t.Helper()
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		pod, err := client(t).CoreV1().Pods(namespace).Get(ctx, k.pod.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		restarts := statusOf(pod, k.container).RestartCount
		if restarts == k.restartsBefore || !podReady(pod) {
			return fmt.Errorf("pod %s: %d restarts of %s, Ready %v", pod.Name, restarts, k.container, podReady(pod))
		}
		return nil
	})
	k.ready = time.Now()
}

func (k *killed) took(until time.Time) time.Duration { return until.Sub(k.at).Round(time.Millisecond) }

// sort tells failures that the kill explains, by when they were, from others, and from those that were answered after
// they had waited for the next process.
func (k *killed) sort(admissions []admission) (inFlight, waited, others []admission) {
	for _, a := range admissions {
		refused := a.err != nil && strings.Contains(a.err.Error(), "connect: connection refused")
		switch {
		case a.err == nil && a.began.Before(k.serving) && a.ended.Sub(a.began) > k.serving.Sub(k.dead)/2:
			waited = append(waited, a)
		case a.err == nil:
		case !refused && a.began.Before(k.dead) && a.ended.After(k.at):
			inFlight = append(inFlight, a)
		default:
			others = append(others, a)
		}
	}
	return inFlight, waited, others
}

func longest(admissions []admission) time.Duration {
	var most time.Duration
	for _, a := range admissions {
		most = max(most, a.ended.Sub(a.began))
	}
	return round(most)
}
