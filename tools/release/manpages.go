// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/hookstrap/hookstrap/pkg/command"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
)

// manPages are those of every command, as man/man1/webhook-serve.1. They are made here and not by the server: what
// turns Markdown into pages would double the modules of every author.
func manPages(version string, date time.Time) ([]entry, error) {
	root := command.Command(command.Options{Version: version, Definitions: check.Definitions()})
	var pages []entry
	err := visit(root, func(cmd *cobra.Command) error {
		cmd.DisableAutoGenTag = true // It has the time of the run.
		title := strings.ReplaceAll(cmd.CommandPath(), " ", "-")
		var page bytes.Buffer
		err := doc.GenMan(cmd, &doc.GenManHeader{
			Title: strings.ToUpper(title), Section: "1", Date: &date, Source: "hookstrap " + version, Manual: "Hookstrap",
		}, &page)
		if err != nil {
			return fmt.Errorf("writing the man page of %s: %w", cmd.CommandPath(), err)
		}
		pages = append(pages, entry{"man/man1/" + title + ".1", 0o644, page.Bytes()})
		return nil
	})
	return pages, err
}

// visit calls do for a command and all below it that are for users.
func visit(cmd *cobra.Command, do func(*cobra.Command) error) error {
	if err := do(cmd); err != nil {
		return err
	}
	for _, each := range cmd.Commands() {
		if !each.IsAvailableCommand() || each.IsAdditionalHelpTopicCommand() {
			continue
		}
		if err := visit(each, do); err != nil {
			return err
		}
	}
	return nil
}
