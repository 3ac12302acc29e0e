// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/hookstrap/hookstrap/internal/lifecycle"
)

func ExampleReadyzHandler() {
	var drainer lifecycle.Drainer
	trusted := lifecycle.Condition{
		Name: "trusted",
		Check: func(context.Context) error {
			return errors.New("the caBundle of ValidatingWebhookConfiguration \"web\" is empty")
		},
	}
	recorder := httptest.NewRecorder()
	request := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/readyz", nil)
	lifecycle.ReadyzHandler(drainer.Condition(), trusted).ServeHTTP(recorder, request)
	fmt.Println(recorder.Code)
	fmt.Print(recorder.Body)
	// Output:
	// 503
	// [+]not-draining ok
	// [-]trusted failed: the caBundle of ValidatingWebhookConfiguration "web" is empty
	// readyz check failed
}

// The signal ends one context, which starts the drain, and the drain ends
// another, which stops the server.
func ExampleDrainer() {
	signaled, signal := context.WithCancel(context.Background()) // SignalContext in a program
	defer signal()
	serving, stop := context.WithCancel(context.Background())
	defer stop()

	drainer := lifecycle.NewDrainer(0) // ten seconds in a program
	server, err := lifecycle.Listen(serving, "admission", "127.0.0.1:0", drainer.Middleware(http.NotFoundHandler()))
	if err != nil {
		fmt.Println(err)
		return
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(serving) }()

	signal()
	fmt.Println("drained:", drainer.Run(signaled, stop))
	fmt.Println("served:", <-served)
	// Output:
	// drained: <nil>
	// served: <nil>
}
