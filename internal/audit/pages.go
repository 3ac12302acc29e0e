// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	json "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/hookstrap/hookstrap/internal/lean"
)

const (
	// pageBytes is how long a page of several objects may be; one that is longer is asked for with fewer.
	pageBytes = 8 << 20
	// mostExpired is how often a list is begun again or gone on with inconsistently.
	mostExpired = 5

	wholeType    = "application/json"
	metadataType = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
)

// errLong says that a page is longer than a page may be.
var errLong = errors.New("the page is too long")

// list implements [source]. A list that takes longer than the API server keeps its state goes on with a later state: an
// object that changes at that time may be missing or be read as it is later, but none is read twice.
func (l *live) list(ctx context.Context, k kind, metadata bool, visit func(raw []byte) error) error {
	accept := wholeType
	if metadata {
		accept = metadataType
	}
	limit, next, seen, expired := l.pageSize, "", sets.New[string](), 0
	for {
		body, err := l.page(ctx, k.path(), accept, limit, next)
		switch {
		case errors.Is(err, errLong) && limit > 1:
			limit = max(limit/4, 1)
			continue
		case apierrors.IsResourceExpired(err) && next != "" && expired < mostExpired:
			next = goOn(err)
			expired++
			continue
		case err != nil:
			return err
		}
		next, err = items(body, func(raw []byte) error {
			uid, err := uidOf(raw)
			if err != nil || uid != "" && seen.Has(uid) {
				return err
			}
			seen.Insert(uid)
			return visit(withType(raw, k))
		})
		if err != nil || next == "" {
			return err
		}
		limit = min(limit*2, l.pageSize)
	}
}

// goOn returns the token with which the API server goes on in its state of now; without one, the list begins again.
func goOn(err error) string {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return status.Status().Continue
	}
	return ""
}

// uidOf tells objects apart.
func uidOf(raw []byte) (string, error) {
	var object struct {
		Metadata struct {
			UID string `json:"uid"`
		} `json:"metadata"`
	}
	if err := lean.DecodePart(&object, lean.Object{Raw: raw}, uid); err != nil {
		return "", fmt.Errorf("reading an object of a list: %w", err)
	}
	return object.Metadata.UID, nil
}

func uid(name []byte) (lean.Verdict, lean.Shape) {
	switch string(name) {
	case "metadata":
		return lean.Read, uid
	case "uid":
		return lean.Read, nil
	}
	return lean.Drop, nil
}

// page reads one page.
func (l *live) page(ctx context.Context, path, accept string, limit int64, next string) ([]byte, error) {
	r := l.client.Get().AbsPath(path).SetHeader("Accept", accept).Param("limit", strconv.FormatInt(limit, 10))
	if next != "" {
		r = r.Param("continue", next)
	}
	body, err := r.Stream(ctx)
	if err != nil {
		return nil, err
	}
	defer body.Close() //nolint:errcheck // Only read.
	from := io.Reader(body)
	if limit > 1 {
		from = io.LimitReader(body, pageBytes+1)
	}
	var page bytes.Buffer
	if _, err := page.ReadFrom(from); err != nil {
		return nil, fmt.Errorf("reading a page of a list: %w", err)
	}
	if limit > 1 && page.Len() > pageBytes {
		return nil, errLong
	}
	return page.Bytes(), nil
}

// items calls visit for each item of a list, which is a part of the page, and returns the token of the next page.
func items(page []byte, visit func(raw []byte) error) (next string, err error) {
	from := jsontext.NewDecoder(bytes.NewReader(page), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if from.PeekKind() != '{' {
		return "", notList(errors.New("it is no JSON object"))
	}
	if _, err := from.ReadToken(); err != nil {
		return "", notList(err)
	}
	for from.PeekKind() == '"' {
		name, err := from.ReadToken()
		if err != nil {
			return "", notList(err)
		}
		switch key := name.String(); {
		case key == "metadata":
			var metadata metav1.ListMeta
			if err := json.UnmarshalDecode(from, &metadata); err != nil {
				return "", notList(err)
			}
			next = metadata.Continue
		case key == "items" && from.PeekKind() != 'n':
			if err := each(from, page, visit); err != nil {
				return "", err
			}
		default:
			if err := from.SkipValue(); err != nil {
				return "", notList(err)
			}
		}
	}
	if _, err := from.ReadToken(); err != nil {
		return "", notList(err)
	}
	return next, nil
}

func each(from *jsontext.Decoder, page []byte, visit func(raw []byte) error) error {
	if from.PeekKind() != '[' {
		return notList(errors.New("its items are no list"))
	}
	if _, err := from.ReadToken(); err != nil {
		return notList(err)
	}
	for from.PeekKind() == '{' {
		item, err := from.ReadValue()
		if err != nil {
			return notList(err)
		}
		end := from.InputOffset()
		if err := visit(page[end-int64(len(item)) : end : end]); err != nil {
			return err
		}
	}
	if _, err := from.ReadToken(); err != nil {
		return notList(err)
	}
	return nil
}

func notList(err error) error {
	return fmt.Errorf("the answer of the API server is not a list: %w", err)
}

// withType gives an item its kind, which only the list says in answers of the API server.
func withType(raw []byte, k kind) []byte {
	head := `{"kind":` + strconv.Quote(k.kind.Kind) + `,"apiVersion":` + strconv.Quote(k.kind.GroupVersion().String())
	rest := bytes.TrimLeft(raw[1:], " \t\r\n")
	switch {
	case bytes.HasPrefix(rest, []byte(`"kind"`)), bytes.HasPrefix(rest, []byte(`"apiVersion"`)):
		return raw
	case !bytes.HasPrefix(rest, []byte("}")):
		head += ","
	}
	return append([]byte(head), rest...)
}
