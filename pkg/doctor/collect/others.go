// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"

	"github.com/hookstrap/hookstrap/pkg/doctor"
)

// schemasAtOnce is how many CustomResourceDefinitions are asked for at once: their schemas may have a megabyte each.
const schemasAtOnce = 50

// crd is what is read of a CustomResourceDefinition.
type crd struct {
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Conversion *struct {
			Strategy string `json:"strategy"`
			Webhook  *struct {
				ClientConfig *admissionregistrationv1.WebhookClientConfig `json:"clientConfig"`
			} `json:"webhook"`
		} `json:"conversion"`
	} `json:"spec"`
}

// apiService is what is read of an APIService.
type apiService struct {
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Service  *admissionregistrationv1.ServiceReference `json:"service"`
		CABundle []byte                                    `json:"caBundle"`
		Insecure bool                                      `json:"insecureSkipTLSVerify"`
	} `json:"spec"`
	Status struct {
		Conditions []metav1.Condition `json:"conditions"`
	} `json:"status"`
}

// entry is that of a conversion, if there is one.
func (c *crd) entry() []doctor.Entry {
	conversion := c.Spec.Conversion
	if conversion == nil || conversion.Strategy != "Webhook" || conversion.Webhook == nil ||
		conversion.Webhook.ClientConfig == nil {
		return nil
	}
	return []doctor.Entry{{
		Object: doctor.Object{Kind: doctor.KindCRD, Name: c.Name}, ClientConfig: *conversion.Webhook.ClientConfig,
		Meta: &c.ObjectMeta,
	}}
}

// entry is that of an extension API server, if there is one: the API server serves the others by itself.
func (a *apiService) entry() []doctor.Entry {
	if a.Spec.Service == nil {
		return nil
	}
	e := doctor.Entry{
		Object: doctor.Object{Kind: doctor.KindAPIService, Name: a.Name}, Insecure: a.Spec.Insecure, Meta: &a.ObjectMeta,
		ClientConfig: admissionregistrationv1.WebhookClientConfig{Service: a.Spec.Service, CABundle: a.Spec.CABundle},
	}
	for _, c := range a.Status.Conditions {
		if c.Type == "Available" && c.Status == metav1.ConditionFalse {
			e.Unavailable = c.Reason + ": " + c.Message
		}
	}
	return []doctor.Entry{e}
}

func (g *gathering) conversions(ctx context.Context, add func([]doctor.Entry)) error {
	return g.raw(ctx, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", min(g.PageSize, schemasAtOnce),
		func(item []byte) error {
			var c crd
			if err := kjson.UnmarshalCaseSensitivePreserveInts(item, &c); err != nil {
				return err
			}
			add(c.entry())
			return nil
		})
}

func (g *gathering) apiServices(ctx context.Context, add func([]doctor.Entry)) error {
	return g.raw(ctx, "/apis/apiregistration.k8s.io/v1/apiservices", g.PageSize, func(item []byte) error {
		var a apiService
		if err := kjson.UnmarshalCaseSensitivePreserveInts(item, &a); err != nil {
			return err
		}
		add(a.entry())
		return nil
	})
}

// raw lists objects as JSON, for kinds of which no types are linked.
func (g *gathering) raw(ctx context.Context, path string, size int64, visit func([]byte) error) error {
	next := ""
	for {
		body, err := g.get(ctx, path, map[string]string{"limit": strconv.FormatInt(size, 10), "continue": next})
		if status := apierrors.APIStatus(nil); apierrors.IsResourceExpired(err) && errors.As(err, &status) &&
			status.Status().Continue != "" && status.Status().Continue != next {
			next = status.Status().Continue
			continue
		}
		if err != nil {
			return err
		}
		var page struct {
			metav1.ListMeta `json:"metadata"`
			Items           []json.RawMessage `json:"items"`
		}
		if err := kjson.UnmarshalCaseSensitivePreserveInts(body, &page); err != nil {
			return fmt.Errorf("reading a list of %s: %w", path, err)
		}
		for _, item := range page.Items {
			if err := visit(item); err != nil {
				return fmt.Errorf("reading an object of %s: %w", path, err)
			}
		}
		if next = page.Continue; next == "" {
			return nil
		}
	}
}

// get reads an answer of the API server as JSON.
func (g *gathering) get(ctx context.Context, path string, parameters map[string]string) ([]byte, error) {
	request := g.client.CoreV1().RESTClient().Get().AbsPath(path).SetHeader("Accept", "application/json")
	for name, value := range parameters {
		request = request.Param(name, value)
	}
	return request.Do(ctx).Raw()
}
