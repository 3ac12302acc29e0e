// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package handler is the admission path: an AdmissionReview comes in, checks look at it, one answer goes out.
//
// A [Check] is a name and a function from a [Request] to violations. Most checks look at one type of object and are
// a few lines long with [CheckFor]:
//
//	handler.CheckFor("team-label", func(ctx context.Context, req *handler.Request, pod *corev1.Pod) []handler.Violation {
//		if pod.Labels["team"] != "" {
//			return nil
//		}
//		return []handler.Violation{{Field: "metadata.labels[team]", Message: "say which team owns this Pod"}}
//	})
//
// An [Entry] says how much a check's word counts (deny, denyWhenClean, warn, audit or off) and which namespaces it
// leaves alone. [New] makes a [Handler] of entries: a plain [net/http.Handler], which controller-runtime's webhook
// server, a ServeMux or httptest can serve. [Handler.SetChecks] exchanges the entries while requests are being
// answered.
//
// # How a review is answered
//
// In three steps, each in a file of its name: decode takes the review out of the body, as far as checks may look at it;
// evaluate asks the checks one after another, and leaves out what is exempt or was so before an update; respond makes
// one answer of what they said. A review that does not get as far as that is answered with a refusal. What reviews may
// cost together is for a gate to hold, from which each has a reservation.
//
// # What a check is asked
//
// A check sees creates and updates of the object itself, and of a Pod's ephemeral containers and size. It sees no other
// subresources (status, scale, …), deletes or connects, which carry nothing to check, unless it is a [Selector] and
// asks for them. No check is asked about an update of an object which is already being deleted if it changes nothing
// but metadata and status: what is left to do there is to take off finalizers, and no policy may block that.
//
// On an update, a violation which the old object had as well does not count, so that an object older than the policy
// can still be scaled, labeled and cleaned up. [Violation.Identity] says when two violations are the same.
//
// # What the user is told
//
// All violations of all checks, in one message and in the order the checks were given, each with the name of its
// check and the path of its field; the same in machine-readable form in status.details.causes. Warnings are given
// only with an allowed request, and kept to 120 characters. Audit annotations carry the check's name; the API server
// puts the name of the webhook in front.
//
// # What happens when a check fails
//
// A check that returns an error, panics or is too slow has not said yes. In mode deny the request is then refused with
// a status of 500 or 504 that names the check; in the other modes the failure is a warning or an audit annotation.
// What it has found before that counts as always.
// The server itself goes on. Checks which deny are run first, so that a slow check which only warns cannot take the
// answer away from them.
//
// Requests that are no admission review are answered with 400, 405, 413 or 415 and a sentence; every review is
// answered with HTTP 200, with the apiVersion and UID it came with, as the API server demands.
package handler
