#!/usr/bin/env bash
# Copyright The Hookstrap Authors.
# SPDX-License-Identifier: Apache-2.0
#
# sigs.k8s.io/controller-runtime v0.25.2 with k8s.io/api, apimachinery and client-go v0.37.2, and Go 1.26
#
# builder.WebhookManagedBy(manager, object).WithDefaulter(d).Complete() makes the path of a webhook from the kind, with "-"
# for each "." of the group. If something is registered at the path already, it does nothing: the error is nil, nothing is
# logged, and d is never called. The server's own Register is documented otherwise: "It panics if two hooks are registered
# on the same path". WithValidator is the same.
#
#   a second defaulter for a kind                   only the first one runs
#   kinds App of the groups web.shop.example.com    both have the path /mutate-web-shop-example-com-v1-app; every request
#   and web-shop.example.com                        for the second kind is refused, since it is not of the first Go type
#
# A path of one's own (WithDefaulterCustomPath) helps, if the configuration of the webhook has it too: controller-gen's
# documentation has the rule for the path, which says to use hyphens.
#
# It needs Go and takes half a minute. It fails if the behaviour is another one.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"

cat >go.mod <<'MOD'
module example.com/finding

go 1.26.0

require (
	github.com/go-logr/logr v1.4.4
	k8s.io/api v0.37.2
	k8s.io/apimachinery v0.37.2
	k8s.io/client-go v0.37.2
	sigs.k8s.io/controller-runtime v0.25.2
)
MOD

cat >main.go <<'GO'
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/go-logr/logr/funcr"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
)

// dotted and dashed are the kind App of the two groups.
type (
	app struct {
		metav1.TypeMeta   `json:",inline"`
		metav1.ObjectMeta `json:"metadata"`
	}
	dotted struct{ app }
	dashed struct{ app }
)

func (a *dotted) DeepCopyObject() runtime.Object { c := *a; return &c }
func (a *dashed) DeepCopyObject() runtime.Object { c := *a; return &c }

type defaulter[T runtime.Object] string

func (d defaulter[T]) Default(context.Context, T) error {
	fmt.Printf("%s defaulter runs\n", string(d))
	return nil
}

func request(name string, hooks http.Handler, group string) {
	review, err := json.Marshal(map[string]any{
		"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
		"request": admissionv1.AdmissionRequest{
			UID: "1", Operation: admissionv1.Create,
			Object: runtime.RawExtension{Raw: []byte(`{"apiVersion": "` + group + `/v1", "kind": "App", "metadata": {"name": "web"}}`)},
		},
	})
	if err != nil {
		panic(err)
	}
	s := httptest.NewServer(hooks)
	defer s.Close()
	answer, err := http.Post(s.URL+"/mutate-web-shop-example-com-v1-app", "application/json", bytes.NewReader(review))
	if err != nil {
		panic(err)
	}
	defer answer.Body.Close()
	var out admissionv1.AdmissionReview
	if err := json.NewDecoder(answer.Body).Decode(&out); err != nil {
		panic(err)
	}
	fmt.Printf("%s: %s allowed %t, %q\n", name, group, out.Response.Allowed, out.Response.Result.Message)
}

func main() {
	name := ""
	ctrl.SetLogger(funcr.New(func(_, args string) {
		if strings.Contains(args, `"msg"="Registering a mutating webhook"`) {
			fmt.Println(name + ": logged: registering a mutating webhook")
		}
	}, funcr.Options{}))
	newManager := func() ctrl.Manager {
		scheme := runtime.NewScheme()
		scheme.AddKnownTypeWithName(schema.GroupVersionKind{Group: "web.shop.example.com", Version: "v1", Kind: "App"}, &dotted{})
		scheme.AddKnownTypeWithName(schema.GroupVersionKind{Group: "web-shop.example.com", Version: "v1", Kind: "App"}, &dashed{})
		m, err := ctrl.NewManager(&rest.Config{Host: "127.0.0.1:1"}, ctrl.Options{
			Scheme: scheme, Metrics: server.Options{BindAddress: "0"}, WebhookServer: webhook.NewServer(webhook.Options{}),
		})
		if err != nil {
			panic(err)
		}
		return m
	}

	name = "one kind"
	m := newManager()
	fmt.Println(name+": first error", builder.WebhookManagedBy(m, &dotted{}).WithDefaulter(defaulter[*dotted](name+": first")).Complete())
	fmt.Println(name+": second error", builder.WebhookManagedBy(m, &dotted{}).WithDefaulter(defaulter[*dotted](name+": second")).Complete())
	request(name, m.GetWebhookServer().WebhookMux(), "web.shop.example.com")

	name = "two groups"
	m = newManager()
	fmt.Println(name+": first error", builder.WebhookManagedBy(m, &dotted{}).WithDefaulter(defaulter[*dotted](name+": first")).Complete())
	fmt.Println(name+": second error", builder.WebhookManagedBy(m, &dashed{}).WithDefaulter(defaulter[*dashed](name+": second")).Complete())
	request(name, m.GetWebhookServer().WebhookMux(), "web.shop.example.com")
	request(name, m.GetWebhookServer().WebhookMux(), "web-shop.example.com")

	func() {
		defer func() { fmt.Println("Register: panic:", recover()) }()
		m.GetWebhookServer().Register("/mutate-web-shop-example-com-v1-app", http.NotFoundHandler())
	}()
}
GO

go mod tidy 2>errors || { cat errors >&2; exit 1; }
go run . 2>log | tee seen || { cat log >&2; exit 1; }
expect() { grep -qxF "$1" seen || { echo "it does not say: $1" >&2; exit 1; }; }
for name in 'one kind' 'two groups'; do
  expect "$name: logged: registering a mutating webhook"
  expect "$name: first error <nil>"
  expect "$name: second error <nil>"
  expect "$name: first defaulter runs"
  expect "$name: web.shop.example.com allowed true, \"\""
done
expect 'two groups: web-shop.example.com allowed false, "unable to decode web-shop.example.com/v1, Kind=App into *main.dotted"'
expect "Register: panic: can't register duplicate path: /mutate-web-shop-example-com-v1-app"
test "$(grep -c 'logged' seen)" = 2 || { echo 'it registers another number of webhooks' >&2; exit 1; }
test "$(grep -c 'second defaulter runs' seen)" = 0 || { echo 'the second defaulter runs' >&2; exit 1; }
echo 'as described'
