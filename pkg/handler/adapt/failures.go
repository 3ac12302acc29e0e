// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package adapt

import (
	"context"
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// isFailure says whether an error tells that the validator could not decide: a request that it has made to another
// server was not answered, or was answered with an error of that server. What an answer says of an object, such as that
// another one is not found, is for the validator to judge, and so it denies.
func isFailure(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		isRateLimited(err) || isOfNetwork(err) || isOfServer(err)
}

// isRateLimited says whether client-go did not make a request because it would have had to wait until after the
// deadline. The error of golang.org/x/time/rate has no type.
func isRateLimited(err error) bool {
	return strings.Contains(err.Error(), "client rate limiter Wait returned an error: ")
}

// isOfNetwork leaves out what package net says of texts: they may be those of an object.
func isOfNetwork(err error) bool {
	var request *url.Error
	var operation *net.OpError
	var other net.Error
	return errors.As(err, &request) && request.Op != "parse" || errors.As(err, &operation) ||
		errors.As(err, &other) && other.Timeout()
}

// isOfServer says whether an API server could not answer.
func isOfServer(err error) bool {
	return slices.ContainsFunc([]func(error) bool{
		apierrors.IsTimeout, apierrors.IsServerTimeout, apierrors.IsTooManyRequests, apierrors.IsInternalError,
		apierrors.IsServiceUnavailable, apierrors.IsUnexpectedServerError,
	}, func(is func(error) bool) bool { return is(err) })
}
