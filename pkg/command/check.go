package command

import (
	"errors"

	"github.com/spf13/cobra"
)

var errDenied = errors.New("denied")

func newCheckCommand(Options) *cobra.Command { return &cobra.Command{Use: "check"} }
