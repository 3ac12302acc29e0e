// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"io"
	"slices"
	"sync"

	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/serving"
)

// loadClientAuth reads the client CAs before anything is served: there is no moment in which everybody gets in.
func (b *Bootstrapper) loadClientAuth() error {
	if b.options.ClientCAFile == "" {
		return nil
	}
	clients, err := serving.ReadClientAuth(b.options.ClientCAFile, b.options.ClientAllowedNames)
	if err != nil {
		return err
	}
	b.state.SetClientAuth(clients)
	return nil
}

// followClientAuth exchanges the client CAs whenever their file changes, until ctx ends.
func (b *Bootstrapper) followClientAuth(ctx context.Context) error {
	file := b.options.ClientCAFile
	if file == "" {
		return nil
	}
	watcher, err := serving.NewClientWatcher(serving.ClientWatcherOptions{
		File: file, AllowedNames: b.options.ClientAllowedNames, Current: b.state.ClientAuth(),
		OnError: func(err error) {
			// Readiness stays out of it: the last good CAs work, and what it says about the certificate must not be lost.
			b.report.Files.Counted(report.FilesClientCA, err)
			klog.FromContext(ctx).Error(err, "Keeping the last good client CAs", "file", file)
		},
		OnGood: func() { b.report.Files.Over(ctx, report.FilesClientCA) },
	})
	if err != nil {
		return err
	}
	return watcher.Run(ctx, func(ctx context.Context, clients *serving.ClientAuth) {
		b.state.SetClientAuth(clients)
		var subjects []string
		for _, ca := range clients.CAs() {
			subjects = append(subjects, ca.Subject.String())
		}
		klog.FromContext(ctx).Info("The client CAs have changed", "file", file, "subjects", subjects)
	})
}

// ErrorLog takes what net/http's server has to say, which controller-runtime's webhook server lets it say through
// package log: pass it to [log.SetOutput], or to [log.New] for http.Server.ErrorLog. What it says about handshakes
// becomes one structured line a minute for each client and reason, and none for the handshakes that readiness does,
// which fail from the server's point of view when ClientCAFile is set.
func (b *Bootstrapper) ErrorLog(logger klog.Logger) io.Writer {
	return serving.NewErrorLog(logger, b.own.take)
}

// addresses remembers from where we have called ourselves of late. The zero value is ready for use.
type addresses struct {
	mu   sync.Mutex
	last []string
}

// mostAddresses is far more than there are handshakes between one and the line about it.
const mostAddresses = 64

func (a *addresses) add(address string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = append(a.last, address)
	a.last = a.last[max(0, len(a.last)-mostAddresses):]
}

// take says whether the address is one of them, and forgets it: the next one there may be somebody else.
func (a *addresses) take(address string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	i := slices.Index(a.last, address)
	if i < 0 {
		return false
	}
	a.last = slices.Delete(a.last, i, i+1)
	return true
}
