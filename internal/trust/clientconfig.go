// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"encoding/base64"
	"net/url"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// defaultPort is the port of a Service that the API server calls unless an entry names another.
const defaultPort = 443

func callsService(config map[string]any, service types.NamespacedName) bool {
	live := mapField(config, "service")
	return live["namespace"] == service.Namespace && live["name"] == service.Name
}

// caBundle decodes the bundle of a client configuration.
func caBundle(config map[string]any) []byte { return decodeBundle(encodedBundle(config)) }

func encodedBundle(config map[string]any) string {
	encoded, _, _ := unstructured.NestedString(config, "caBundle")
	return encoded
}

// decodeBundle decodes what an API server has encoded, so that it can be decoded.
func decodeBundle(encoded string) []byte {
	bundle, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return []byte(encoded) // not from an API server: garbage, and to be seen as such
	}
	return bundle
}

// destination leaves out what of a URL may be a secret.
func destination(config map[string]any) string {
	if address, found := config["url"].(string); found {
		parsed, err := url.Parse(address)
		if err != nil {
			return "a URL that cannot be read"
		}
		return parsed.Scheme + "://" + parsed.Host
	}
	service := mapField(config, "service")
	namespace, _ := service["namespace"].(string)
	name, _ := service["name"].(string)
	return namespace + "/" + name
}

// verifiedHost is the name that the API server verifies a webhook's certificate for, "" if there is none.
func verifiedHost(config map[string]any) string {
	if address, found := config["url"].(string); found {
		parsed, err := url.Parse(address)
		if err != nil {
			return ""
		}
		return strings.ToLower(parsed.Hostname())
	}
	service := mapField(config, "service")
	namespace, _ := service["namespace"].(string)
	name, _ := service["name"].(string)
	if namespace == "" || name == "" {
		return ""
	}
	return name + "." + namespace + ".svc"
}

// port is that of the Service. The API server's numbers are decoded as int64.
func port(config map[string]any) int64 {
	if port, found := mapField(config, "service")["port"].(int64); found {
		return port
	}
	return defaultPort
}
