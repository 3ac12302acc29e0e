// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/lifecycle"
	"github.com/hookstrap/hookstrap/pkg/bootstrap/listener"
)

// holdOptions is the command line of listen, parsed.
type holdOptions struct {
	listenOptions
	releaseAfter time.Duration
	logging      *logsapi.LoggingConfiguration
}

func newListenCommand() *cobra.Command {
	o := &holdOptions{listenOptions: newListenOptions(), releaseAfter: listener.DefaultReleaseAfter,
		logging: logsapi.NewLoggingConfiguration()}
	cmd := &cobra.Command{
		Use:   "listen",
		Short: "Hold the admission port open while the server restarts",
		Long: "listen is socket activation for serve, as a second container of its Pod: the two share the admission port\n" +
			"through --listener-socket, and when serve is killed, listen keeps it open. Connections wait then, instead of\n" +
			"being refused, and the restarted serve answers them. listen accepts none itself and has no key. SIGTERM leaves\n" +
			"the port to serve alone; listen ends when that has drained.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.listenerSocket == "" {
				return &usageError{errors.New("--listener-socket is missing: name the Unix socket that serve has as well")}
			}
			if err := applyLogging(o.logging); err != nil {
				return &usageError{err}
			}
			return hold(cmd.Context(), o)
		},
	}
	o.addListenFlags(cmd.Flags(), "Unix socket to pass the admission port through, in a directory that serve can reach")
	cmd.Flags().Var(newValue(&o.releaseAfter, "duration", o.releaseAfter.String(), parseDelay), "release-after",
		"how long to keep the port open for a server to come back; then connections that wait are closed")
	addLoggingFlags(cmd.Flags(), o.logging)
	return cmd
}

// hold runs until a signal, and then for as long as a server does.
func hold(ctx context.Context, o *holdOptions) error {
	signals, cancel := lifecycle.SignalContext(klog.NewContext(ctx, klog.Background()), os.Exit)
	defer cancel()
	memory := lifecycle.NewMemoryLimit()
	memory.Set(signals)
	go memory.Follow(signals)
	holder, err := listener.Hold(signals, listener.HolderOptions{
		Socket: o.listenerSocket, Address: o.admissionAddress(), ReleaseAfter: o.releaseAfter,
	})
	if err != nil {
		return fmt.Errorf("--listener-socket: %w", err)
	}
	if err := holder.Run(signals); err != nil {
		return fmt.Errorf("--listener-socket: %w", err)
	}
	klog.FromContext(signals).Info("Stopped")
	return nil
}

func (o *listenOptions) addListenFlags(fs *pflag.FlagSet, socketUsage string) {
	fs.Var(newValue(&o.bindAddress, "ip", o.bindAddress, parseBindAddress), "bind-address",
		"IP address to serve admission on")
	fs.Var(newValue(&o.securePort, "port", strconv.Itoa(o.securePort), parsePort), "secure-port",
		"port to serve admission on")
	fs.Var(newValue(&o.listenerSocket, "path", "", parseSocketPath), "listener-socket", socketUsage)
}
