// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Bench puts load on admission servers side by side, on this machine and in one run:
//
//	floor           net/http with TLS, which reads the review and answers what it always answers
//	stock           controller-runtime's webhook server and decoder, with a check of image tags
//	stock-mutation  the same with a mutation of Pods that adds a label
//	check           our handler in our server, with the check of image tags
//	label           our handler with a mutation of the metadata that adds a label
//	mutation        our handler with a mutation of Pods that adds a label
//	default         our handler as it is without a configuration file
//	all             all checks that read nothing but the review, in mode audit
//
// Each server is a process of its own with one processor to itself (GOMAXPROCS=1, and taskset where there is one); the
// load comes from the other processors, over HTTP/1.1 with keep-alive and TLS 1.3, to 127.0.0.1 alone. What is worth
// comparing are the ratios within one run. Ours and the floor collect garbage as seldom as "webhook serve" does; set
// GOGC to compare all with the same setting.
//
// It prints which targets are met. It then compares the latencies of our server with those while its certificate is
// rotated, in turns. Run it with `make bench-load`.
package main
