// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"

	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/serving"
)

// ClientCAs keeps the CAs of clients what their file says. Without a File its methods do nothing.
type ClientCAs struct {
	File string
	// AllowedNames are the names that a client may have; none are all.
	AllowedNames []string
	State        *serving.State
	Report       *report.Reporter
}

// Load reads the client CAs before anything is served: at no moment is every client let in.
func (c ClientCAs) Load() error {
	if c.File == "" {
		return nil
	}
	clients, err := serving.ReadClientAuth(c.File, c.AllowedNames)
	if err != nil {
		return err
	}
	c.State.SetClientAuth(clients)
	return nil
}

// Follow exchanges the client CAs whenever their file changes, until ctx ends.
func (c ClientCAs) Follow(ctx context.Context) error {
	if c.File == "" {
		return nil
	}
	follower := serving.FollowClients(c.File, c.AllowedNames, c.State.ClientAuth(), serving.FollowOptions{
		OnError: func(err error) {
			// Readiness stays out of it: the last good CAs work, and what it says about the certificate must not be lost.
			c.Report.Files.Counted(report.FilesClientCA, err)
			klog.FromContext(ctx).Error(err, "Keeping the last good client CAs", "file", c.File)
		},
		OnGood: func() { c.Report.Files.Over(ctx, report.FilesClientCA) },
	})
	return follower.Run(ctx, func(ctx context.Context, clients *serving.ClientAuth) {
		c.State.SetClientAuth(clients)
		var subjects []string
		for _, ca := range clients.CAs() {
			subjects = append(subjects, ca.Subject.String())
		}
		klog.FromContext(ctx).Info("The client CAs have changed", "file", c.File, "subjects", subjects)
	})
}
