// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/hookstrap/hookstrap/pkg/bootstrap"
)

//go:embed scaffold/*.yaml scaffold/go/*.txt
var scaffoldFiles embed.FS

// hookstrapVersion is the release that what is written uses.
const hookstrapVersion = "v0.1.0"

// sidecarDeployment is the Deployment with a sidecar.
const sidecarDeployment = "deployment-sidecar.yaml"

// scaffold is what the manifests of a webhook are made of.
type scaffold struct {
	Namespace, Service          string
	Kind, Configuration, Target string
	InForce                     string // the ClusterRole and the ClusterRoleBinding that the entries wait for
	Image, Hookstrap, Path      string
	Module                      string // of a program in Go
	Port                        int

	directory, deployment, builtInSigner string
	target                               bootstrap.Target
	more                                 []bootstrap.Target // besides target
}

func newScaffoldCommand(global Options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "scaffold",
		Short: "Write the manifests around a webhook of yours",
		Long: "scaffold writes a Namespace, a ServiceAccount with its RBAC rules, a Service, a Deployment, a webhook\n" +
			"configuration and a kustomization of them, for kubectl apply -k. The webhook denies nothing until a Pod of\n" +
			"it has been ready. Files that exist are not overwritten.",
		RunE: helpOrUnknown,
	}
	cmd.AddCommand(
		newScaffoldKindCommand(global, "sidecar",
			"For a server in any language, with a sidecar that keeps its certificate in files"),
		newScaffoldKindCommand(global, "server", "For a Go program with bootstrap.NewServer"),
		newScaffoldGoCommand(global))
	return cmd
}

func newScaffoldKindCommand(global Options, name, short string) *cobra.Command {
	s := scaffold{deployment: "deployment-" + name + ".yaml"}
	s.Hookstrap, s.Path, s.Port = "ghcr.io/hookstrap/hookstrap:"+hookstrapVersion, validatePath, 9443
	s.builtInSigner = global.BuiltInSignerName
	cmd := &cobra.Command{
		Use: name + " DIRECTORY", Short: short, Args: oneArgument("directory to write into"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s.directory = args[0]
			if err := s.complete(); err != nil {
				return &usageError{err}
			}
			files, err := s.render()
			if err != nil {
				return err
			}
			if err := s.write(files); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "kubectl apply -k %s\n", s.directory)
			return err
		},
	}
	s.addFlags(cmd.Flags())
	return cmd
}

func (s *scaffold) addFlags(fs *pflag.FlagSet) {
	fs.Var(newValue(&s.Service, "name", "", parseService), "service-name",
		"Service of the webhook; the Deployment, the ServiceAccount and the roles have its name, too")
	s.addNamespaceFlag(fs)
	fs.Var(newValue(&s.target, "[kind/]name", "", bootstrap.ParseTarget), "webhook-configuration",
		"[validating/|mutating/]NAME of the webhook configuration (default validating/ and the name of the Service)")
	fs.Var(newValue(&s.Image, "image", "", parseWord), "image", "image of your server")
	fs.Var(newValue(&s.Path, "path", s.Path, parsePath), "path", "path that the API server calls")
	fs.Var(newValue(&s.Port, "port", "9443", parsePort), "port", "port that your server listens on")
	if s.deployment == sidecarDeployment {
		fs.Var(newValue(&s.Hookstrap, "image", s.Hookstrap, parseWord), "sidecar-image", "image of this program")
	}
}

func (s *scaffold) addNamespaceFlag(fs *pflag.FlagSet) {
	fs.Var(newValue(&s.Namespace, "name", "", parseNamespace), "namespace",
		"new namespace for it all, which is labeled for the Pod Security Standard restricted, and deleted with the rest "+
			"(default the name of the Service)")
}

// parsePath takes the path of a URL, whose segments an API server wants to be DNS subdomains.
func parsePath(text string) (string, error) {
	segments, found := strings.CutPrefix(strings.TrimSuffix(text, "/"), "/")
	if found && text != "/" {
		for segment := range strings.SplitSeq(segments, "/") {
			found = found && len(validation.IsDNS1123Subdomain(segment)) == 0
		}
	}
	if !found {
		return "", fmt.Errorf("%q is not a path that an API server calls: write it like /validate, in lower-case letters, "+
			"digits, '-' and '.'", text)
	}
	return text, nil
}

// parseWord takes what stands in a line of YAML by itself.
func parseWord(text string) (string, error) {
	special := func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("\"'#{}[]&*!|>%`,", r) }
	if strings.ContainsFunc(text, special) {
		return "", fmt.Errorf("%q has a space, a quotation mark or another character that it cannot have", text)
	}
	return text, nil
}

// complete fills in what follows from the flags, and names all that are missing.
func (s *scaffold) complete() error {
	var missing []error
	for _, flag := range []struct{ name, value, example string }{
		{"service-name", s.Service, "my-webhook"}, {"image", s.Image, "registry.example/my-webhook:v1"},
	} {
		if flag.value == "" {
			missing = append(missing, fmt.Errorf("--%s is missing: for example %s", flag.name, flag.example))
		}
	}
	s.Namespace = cmp.Or(s.Namespace, s.Service)
	s.InForce = s.Service + "-in-force"
	if s.target == (bootstrap.Target{}) {
		s.target = bootstrap.Target{Kind: bootstrap.Validating, Name: s.Service}
	}
	s.Configuration, s.Target = s.target.Name, s.target.String()
	switch s.target.Kind {
	case bootstrap.Validating:
		s.Kind = "ValidatingWebhookConfiguration"
	case bootstrap.Mutating:
		s.Kind = "MutatingWebhookConfiguration"
	default:
		missing = append(missing,
			fmt.Errorf("--webhook-configuration is %s: write validating/NAME or mutating/NAME", s.Target))
	}
	return errors.Join(append(missing, s.refuse())...)
}

// refuse returns an error for what would harm others, or never start.
func (s *scaffold) refuse() error {
	if s.Namespace == metav1.NamespaceDefault || strings.HasPrefix(s.Namespace, "kube-") {
		return fmt.Errorf("--namespace is %s, which others use: name a new one, for it is labeled and deleted with the rest",
			s.Namespace)
	}
	// A sidecar has its metrics at 8080 and its probes at 8081, where the library has those of a server, too.
	if s.Port == 8081 || s.Port == 8080 && s.deployment == sidecarDeployment {
		return fmt.Errorf("--port is %d, at which the Pod has its metrics or its probes: choose another one", s.Port)
	}
	return nil
}

// write writes files by their names below the directory, or none if one of them is there.
func (s *scaffold) write(files map[string][]byte) error {
	if info, err := os.Stat(s.directory); err == nil && !info.IsDir() {
		return fmt.Errorf("%s is no directory: name another one, or remove it", s.directory)
	}
	var present []string
	for name := range files {
		if _, err := os.Lstat(filepath.Join(s.directory, name)); !errors.Is(err, fs.ErrNotExist) {
			present = append(present, name)
		}
	}
	if slices.Sort(present); len(present) > 0 {
		return fmt.Errorf("%s has %s already: name another directory, or remove them",
			s.directory, strings.Join(present, ", "))
	}
	for name, content := range files {
		path := filepath.Join(s.directory, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			return fmt.Errorf("making the directory for %s: %w", path, err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return fmt.Errorf("writing what was asked for: %w", err)
		}
	}
	return nil
}

// render returns the manifests by the names of their files. It is done without package text/template, with which the
// linker keeps every method of every type that is linked: 20 MB.
func (s *scaffold) render() (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, name := range []string{
		"kustomization.yaml", "namespace.yaml", "serviceaccount.yaml", "service.yaml", "webhook.yaml", "in-force.yaml",
		s.deployment,
	} {
		text, err := s.filled(name)
		if err != nil {
			return nil, err
		}
		if name == s.deployment {
			name = "deployment.yaml"
		}
		files[name] = text
	}
	var rules bytes.Buffer
	rights := rbacOptions{commonOptions: newCommonOptions()}
	rights.callBuiltInSigner(s.builtInSigner)
	rights.bootstrap.Environment = bootstrap.Environment{
		Service: s.Service, Namespace: s.Namespace, ServiceAccount: s.Service}
	rights.bootstrap.WebhookConfigurations, rights.bootstrap.InForceBinding = append(s.more, s.target), s.InForce
	err := rights.print(&rules)
	files["rbac.yaml"] = rules.Bytes()
	return files, err
}

// asked are the operations and resources that the API server asks about. The check and the mutation of a program in Go
// look at updates as well; of another server this is not known, and most changes of a Pod that exists are refused.
func (s *scaffold) asked() (operations, resources string) {
	switch {
	case s.Module == "":
		return `"CREATE"`, `"pods"`
	case s.Kind == "MutatingWebhookConfiguration":
		return `"CREATE", "UPDATE"`, `"pods"`
	}
	return `"CREATE", "UPDATE"`, `"pods", "pods/ephemeralcontainers", "pods/resize"`
}

// filled is a template with what it is made of.
func (s *scaffold) filled(name string) ([]byte, error) {
	text, err := scaffoldFiles.ReadFile("scaffold/" + name)
	if err != nil {
		return nil, fmt.Errorf("reading the template of %s: %w", name, err)
	}
	operations, resources := s.asked()
	fill := strings.NewReplacer("{{.Namespace}}", s.Namespace, "{{.Service}}", s.Service, "{{.Kind}}", s.Kind,
		"{{.Configuration}}", s.Configuration, "{{.InForce}}", s.InForce, "{{.Target}}", s.Target, "{{.Image}}", s.Image,
		"{{.Hookstrap}}", s.Hookstrap, "{{.Path}}", s.Path, "{{.Port}}", strconv.Itoa(s.Port), "{{.Module}}", s.Module,
		"{{.Version}}", hookstrapVersion, "{{.Operations}}", operations, "{{.Resources}}", resources)
	return []byte(fill.Replace(string(text))), nil
}
