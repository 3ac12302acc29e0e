// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"k8s.io/klog/v2/ktesting"

	"github.com/hookstrap/hookstrap/internal/lifecycle"
)

// raise sends a signal to this process, and returns when it arrived.
func raise(t *testing.T, s syscall.Signal) {
	t.Helper()
	arrived := make(chan os.Signal, 1)
	signal.Notify(arrived, s)
	defer signal.Stop(arrived)
	if err := syscall.Kill(os.Getpid(), s); err != nil {
		t.Fatal(err)
	}
	<-arrived
}

func TestSignalContext(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(s.String(), func(t *testing.T) {
			_, parent := ktesting.NewTestContext(t)
			exits := make(chan int, 1)
			ctx, release := lifecycle.SignalContext(parent, func(code int) { exits <- code })
			defer release()
			if ctx.Err() != nil {
				t.Fatal("ended before any signal")
			}

			raise(t, s)
			<-ctx.Done()
			if cause := context.Cause(ctx).Error(); !strings.Contains(cause, s.String()) {
				t.Errorf("the cause %q does not name the signal", cause)
			}
			select {
			case code := <-exits:
				t.Fatalf("the first signal called exit(%d)", code)
			default:
			}

			raise(t, s)
			if code := <-exits; code != 1 {
				t.Errorf("the second signal called exit(%d), want 1", code)
			}
		})
	}
}

// TestSignalContextSurvivesItsParent: when the program is stopping for another
// reason, an impatient person is heard all the same.
func TestSignalContextSurvivesItsParent(t *testing.T) {
	_, parent := ktesting.NewTestContext(t)
	parent, cancel := context.WithCancel(parent)
	exits := make(chan int, 1)
	ctx, release := lifecycle.SignalContext(parent, func(code int) { exits <- code })
	defer release()
	cancel()
	<-ctx.Done()
	raise(t, syscall.SIGINT)
	raise(t, syscall.SIGINT)
	if code := <-exits; code != 1 {
		t.Errorf("exit(%d), want 1", code)
	}
}

// TestSignalContextGivesSignalsBack runs this test again in a process of its
// own, which a released signal must kill as it does any other program.
func TestSignalContextGivesSignalsBack(t *testing.T) {
	const variable = "HOOKSTRAP_TEST_RAISE_SIGNAL"
	if os.Getenv(variable) != "" {
		_, release := lifecycle.SignalContext(t.Context(), func(int) {})
		release()
		_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
		<-t.Context().Done() // never: the signal comes first
	}
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), executable, "-test.run=^"+t.Name()+"$", "-test.timeout=20s")
	command.Env = append(os.Environ(), variable+"=1")
	output, err := command.CombinedOutput()
	status, ok := command.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || status.Signal() != syscall.SIGTERM {
		t.Errorf("the process ended with %v, want death by SIGTERM:\n%s", err, output)
	}
}

func TestSignalContextReleased(t *testing.T) {
	_, parent := ktesting.NewTestContext(t)
	exits := make(chan int, 2)
	ctx, release := lifecycle.SignalContext(parent, func(code int) { exits <- code })
	release()
	release() // like any CancelFunc, it may be called twice
	if !errors.Is(context.Cause(ctx), context.Canceled) {
		t.Errorf("cause %v, want context.Canceled", context.Cause(ctx))
	}
	raise(t, syscall.SIGTERM)
	raise(t, syscall.SIGTERM)
	select {
	case code := <-exits:
		t.Errorf("exit(%d) after the signals were released", code)
	default:
	}
}
