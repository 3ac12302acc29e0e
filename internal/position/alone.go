// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package position

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

var errMore = errors.New("something follows its first document that would not be read: begin each document with a " +
	"line of three dashes")

// Alone returns an error if data has more in it than one YAML document. YAML libraries read the first and are silent
// about what follows: behind a line of three dots, for one, or after a JSON value.
func Alone(data []byte) error {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var node yaml.Node
	if err := decoder.Decode(&node); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("it is not YAML: %w", err)
	}
	if err := decoder.Decode(&node); !errors.Is(err, io.EOF) {
		return errMore
	}
	return nil
}
