// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"cmp"
	"fmt"
	"path"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/hookstrap/hookstrap/pkg/bootstrap"
)

// goFiles are the files of a program, by the names of their templates.
func goFiles() map[string]string {
	return map[string]string{
		"go.mod": "go.mod", "main.go": "main.go", "check.go": "check.go", "mutation.go": "mutation.go",
		"webhook_test.go": "webhook_test.go", "good.yaml": "testdata/good.yaml", "denied.yaml": "testdata/denied.yaml",
		"Makefile": "Makefile", "Dockerfile": "Dockerfile", "README.md": "README.md",
	}
}

func newScaffoldGoCommand(global Options) *cobra.Command {
	s := scaffold{deployment: "deployment-server.yaml", builtInSigner: global.BuiltInSignerName, Port: 9443}
	cmd := &cobra.Command{
		Use: "go DIRECTORY", Short: "A Go module with a check and a mutation, their tests and the manifests",
		Args: oneArgument("directory to write into"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s.directory = args[0]
			if err := s.complete(); err != nil {
				return &usageError{err}
			}
			files, err := s.renderGo()
			if err != nil {
				return err
			}
			if err := s.write(files); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "cd %s && go mod tidy && make test\n", s.directory)
			return err
		},
	}
	fs := cmd.Flags()
	fs.Var(newValue(&s.Service, "name", "", parseService), "service-name",
		"Service of the webhook; the Deployment, the ServiceAccount, the roles and the webhook configurations have its "+
			"name, too")
	s.addNamespaceFlag(fs)
	fs.Var(newValue(&s.Image, "image", "", parseWord), "image", "image of the webhook")
	fs.Var(newValue(&s.Module, "path", "", parseModule), "module",
		"path of the Go module (default example.com/ and the name of the Service)")
	return cmd
}

// parseModule reads the path of a module, as Go has them (Go Modules Reference, Module paths). Those without a dot in
// the first part are for the standard library, and for main.
func parseModule(text string) (string, error) {
	const part, more = `\w[\w-]*`, `(\.[\w-]+)`
	if !regexp.MustCompile(`^` + part + more + `+(/` + part + more + `*)*$`).MatchString(text) {
		return "", fmt.Errorf("%q is no path of a Go module that begins with a domain: write one such as "+
			"example.com/my-webhook", text)
	}
	return text, nil
}

// renderGo returns the files of the module. Its manifests are in deploy, with a configuration for each of the two: the
// API server refuses a patch in an answer to the validating one.
func (s *scaffold) renderGo() (map[string][]byte, error) {
	s.Module = cmp.Or(s.Module, "example.com/"+s.Service)
	files := map[string][]byte{}
	for template, name := range goFiles() {
		text, err := s.filled("go/" + template + ".txt")
		if err != nil {
			return nil, err
		}
		files[name] = text
	}
	s.more = []bootstrap.Target{{Kind: bootstrap.Mutating, Name: s.Configuration}}
	s.Path = validatePath
	manifests, err := s.render()
	if err != nil {
		return nil, err
	}
	mutating := *s
	mutating.Kind, mutating.Path = "MutatingWebhookConfiguration", mutatePath
	const file = "mutating-webhook.yaml"
	if manifests[file], err = mutating.filled("webhook.yaml"); err != nil {
		return nil, err
	}
	manifests[file] = append(manifests[file], "  reinvocationPolicy: IfNeeded # its test says that it is idempotent\n"...)
	manifests["kustomization.yaml"] = append(manifests["kustomization.yaml"], "- "+file+"\n"...)
	for name, text := range manifests {
		files[path.Join("deploy", name)] = text
	}
	return files, nil
}
