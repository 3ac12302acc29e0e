// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const groupVersion = "hello.example.com/v1"

// greeting is the only kind of the API.
type greeting struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Text              string `json:"text"`
}

type greetingList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`
	Items           []greeting `json:"items"`
}

// addAPI adds what kubectl asks for. The API server has authorized the request by then: RBAC rules for greetings hold.
func addAPI(mux *http.ServeMux) {
	mux.HandleFunc("GET /apis/"+groupVersion, answer(metav1.APIResourceList{
		TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: groupVersion,
		APIResources: []metav1.APIResource{
			{Name: "greetings", SingularName: "greeting", Kind: "Greeting", Verbs: metav1.Verbs{"get", "list"}}},
	}))
	world := greeting{
		TypeMeta:   metav1.TypeMeta{Kind: "Greeting", APIVersion: groupVersion},
		ObjectMeta: metav1.ObjectMeta{Name: "world"}, Text: "Hello, world",
	}
	mux.HandleFunc("GET /apis/"+groupVersion+"/greetings/world", answer(world))
	mux.HandleFunc("GET /apis/"+groupVersion+"/greetings", answer(greetingList{
		TypeMeta: metav1.TypeMeta{Kind: "GreetingList", APIVersion: groupVersion}, Items: []greeting{world},
	}))
}

func answer(object any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(object) // The API server reports an answer that it did not get.
	}
}
