// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"
	apiversion "k8s.io/apimachinery/pkg/version"
)

// readVersion reads which Kubernetes the API server is. All authenticated users may, by the ClusterRole
// system:public-info-viewer.
func readVersion(ctx context.Context, g *gathering) {
	body, err := g.client.Discovery().RESTClient().Get().AbsPath("/version").Do(ctx).Raw()
	if err == nil {
		g.facts.Version, err = parseVersion(body)
	}
	if err != nil {
		g.minor("version", fmt.Errorf("the version of Kubernetes is not known, and findings that depend on it say so; "+
			"grant get on the nonResourceURL /version: %w", err))
	}
}

// parseVersion reads an answer of /version. The features of an API server that emulates an older version are those of
// that one. Some vendors write a + behind the minor version.
func parseVersion(body []byte) (*version.Version, error) {
	var info apiversion.Info
	if err := json.Unmarshal(body, &info); err != nil {
		return nil, fmt.Errorf("reading the answer of /version: %w", err)
	}
	major, minor := cmp.Or(info.EmulationMajor, info.Major), cmp.Or(info.EmulationMinor, info.Minor)
	parsed, err := version.ParseGeneric(major + "." + strings.TrimRight(minor, "+"))
	if err != nil {
		return nil, fmt.Errorf("reading the answer of /version: %w", err)
	}
	return parsed, nil
}
