// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/internal/authority"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// distrustOptions are the command line of distrust.
type distrustOptions struct {
	secret            types.NamespacedName
	kubeconfig        string
	fingerprints      []string
	all, allButNewest bool
	dryRun            bool
}

func newDistrustCommand() *cobra.Command {
	o := &distrustOptions{secret: types.NamespacedName{Namespace: "hookstrap-system", Name: authority.DefaultSecretName}}
	cmd := &cobra.Command{
		Use:   "distrust",
		Short: "Take trust away from CAs of the built-in signer",
		Long: "distrust is for when somebody else may have the key of a CA. It names the CAs that must go in an\n" +
			"annotation of the CA's Secret; the servers do the rest, within a minute: if the CA that signs is among them, a\n" +
			"new one is published, signs, and every server renews; then the others leave every caBundle and do not come\n" +
			"back.\n\n" +
			"Without a choice it lists the CAs that are trusted, with their fingerprints. It takes the rights to get and to\n" +
			"update the Secret, which the servers' ServiceAccount has: it can be run in one of their pods.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return &usageError{err}
			}
			cfg, err := restConfig(o.kubeconfig)
			if err != nil {
				return &usageError{err}
			}
			client, err := kubernetes.NewForConfig(cfg)
			if err != nil {
				return fmt.Errorf("making a client of the API server: %w", err)
			}
			return authority.AskForDistrust(cmd.Context(), client, o.secret, func(members []authority.Member) ([]string, error) {
				return o.choose(cmd.OutOrStdout(), members)
			})
		},
	}
	o.addFlags(cmd.Flags())
	return cmd
}

func (o *distrustOptions) addFlags(fs *pflag.FlagSet) {
	fs.VarP(newValue(&o.secret.Namespace, "name", o.secret.Namespace, parseNamespace), "namespace", "n",
		"namespace of the CA's Secret")
	fs.Var(newValue(&o.secret.Name, "name", o.secret.Name, parseObjectName), "secret-name",
		"name of the CA's Secret: that of the Service, and -ca")
	fs.Var(newList(&o.fingerprints, "sha256", parseFingerprint), "fingerprint",
		"SHA-256 fingerprint of a CA's certificate, repeatable; also of a CA that is not there yet")
	fs.BoolVar(&o.allButNewest, "all-but-newest", false,
		"all CAs but the newest that the servers made: the successor while one is being published, else the one that signs")
	fs.BoolVar(&o.all, "all", false, "all CAs that are trusted now; a new one is made")
	fs.BoolVar(&o.dryRun, "dry-run", false, "only say what would be done")
	addKubeconfigFlag(fs, &o.kubeconfig)
}

func parseFingerprint(text string) (string, error) {
	fingerprint, err := authority.ParseFingerprint(text)
	if err != nil {
		return "", fmt.Errorf("%w, or use the flag --all-but-newest", err)
	}
	return fingerprint, nil
}

func (o *distrustOptions) validate() error {
	choices := 0
	for _, chosen := range []bool{o.all, o.allButNewest, len(o.fingerprints) > 0} {
		if chosen {
			choices++
		}
	}
	if choices > 1 {
		return errors.New("--all, --all-but-newest and --fingerprint exclude each other: name one of them")
	}
	return nil
}

// choose prints the CAs and what becomes of each, and returns the fingerprints of those that must go.
func (o *distrustOptions) choose(out io.Writer, members []authority.Member) ([]string, error) {
	var must []string
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "SHA-256 FINGERPRINT\tCA\tEXPIRES\tSUBJECT\tTO BE DISTRUSTED")
	for _, m := range members {
		fingerprint, going := trust.Fingerprint(m.Certificate), "no"
		if o.all || o.allButNewest && !m.Newest || slices.Contains(o.fingerprints, fingerprint) {
			must, going = append(must, fingerprint), "yes"
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%q\t%s\n", fingerprint, role(m),
			m.Certificate.NotAfter.UTC().Format(time.RFC3339), m.Certificate.Subject, going)
	}
	for _, fingerprint := range o.fingerprints {
		if !slices.Contains(must, fingerprint) {
			must = append(must, fingerprint)
			_, _ = fmt.Fprintf(table, "%s\tnot there\t\t\tyes\n", fingerprint)
		}
	}
	if err := table.Flush(); err != nil {
		return nil, fmt.Errorf("listing the CAs: %w", err)
	}
	if len(must) == 0 || o.dryRun {
		return nil, nil
	}
	_, err := fmt.Fprintf(out, "Distrusting %d CAs of the Secret %s.\n", len(must), o.secret)
	return must, err
}

// role says what a CA is there for.
func role(m authority.Member) string {
	words := []string{"trusted"}
	switch {
	case m.Signs:
		words[0] = "signs"
	case m.Next:
		words[0] = "successor"
	}
	if !m.Made {
		words = append(words, "not made here")
	}
	if m.Distrusted {
		words = append(words, "leaving")
	}
	return strings.Join(words, ", ")
}
