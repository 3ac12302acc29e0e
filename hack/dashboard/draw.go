// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// The picture is cut off below what the page has drawn.
const (
	pageWidth = 1500
	maxHeight = 4000
	scale     = 1.5 // pixels of the picture for one of the page: letters are small
)

//go:embed page.html *.js
var page embed.FS

// report is what the page says it has drawn.
type report struct {
	Error  string `json:"error"`
	Height int    `json:"height"`
	Panels []struct {
		Title  string `json:"title"`
		Series int    `json:"series"`
	} `json:"panels"`
}

// drawDashboard takes the picture. A panel without data is an error: everything was made to happen.
func drawDashboard(ctx context.Context, p *prometheus, recorded, out string) error {
	reports := make(chan report, 1)
	address, err := servePage(ctx, p, recorded, reports)
	if err != nil {
		return err
	}
	shot := filepath.Join(filepath.Dir(recorded), "page.png")
	if err := photograph(ctx, "http://"+address+"/page.html", shot); err != nil {
		return err
	}
	var drawn report
	select {
	case drawn = <-reports:
	default:
		return errors.New("drawing the dashboard: the page has not said that it is done; is Chromium too slow here?")
	}
	if drawn.Error != "" {
		return fmt.Errorf("drawing the dashboard: %s", drawn.Error)
	}
	for _, panel := range drawn.Panels {
		say("%-50s %2d series", panel.Title, panel.Series)
		if panel.Series == 0 {
			err = errors.Join(err, fmt.Errorf("the panel %q has no data", panel.Title))
		}
	}
	return errors.Join(crop(shot, out, drawn.Height), err)
}

// servePage serves the page, what it draws, and Prometheus' API, and returns the address.
func servePage(ctx context.Context, p *prometheus, recorded string, reports chan<- report) (string, error) {
	upstream, err := url.Parse(p.url)
	if err != nil {
		return "", fmt.Errorf("reading Prometheus' address: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServerFS(page))
	mux.Handle("/api/", httputil.NewSingleHostReverseProxy(upstream))
	for path, file := range map[string]string{
		"/dashboard.json": filepath.Join(site.Root(), "manifests/monitoring/dashboard.json"), "/window.json": recorded,
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) })
	}
	mux.HandleFunc("POST /report", func(_ http.ResponseWriter, r *http.Request) {
		var said report
		if err := json.NewDecoder(r.Body).Decode(&said); err != nil {
			said.Error = "reading the page's report: " + err.Error()
		}
		reports <- said
	})
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("serving the page: %w", err)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	go func() { _ = server.Serve(listener) }() // What fails there shows in the browser.
	return listener.Addr().String(), nil
}

// photograph has Chromium, which reaches nothing but this machine, take a picture of a page.
func photograph(ctx context.Context, address, file string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	profile, err := os.MkdirTemp("", "hookstrap-chromium-")
	if err != nil {
		return fmt.Errorf("making a profile for Chromium: %w", err)
	}
	defer os.RemoveAll(profile) //nolint:errcheck // A leftover below /tmp is no failure of the picture.
	// Without its sandbox, which root cannot have; the page is our own.
	out, err := exec.CommandContext(ctx, "chromium",
		"--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--user-data-dir="+profile,
		fmt.Sprintf("--window-size=%d,%d", pageWidth, maxHeight), fmt.Sprintf("--force-device-scale-factor=%g", scale),
		"--virtual-time-budget=60000",
		"--screenshot="+file, address,
	).CombinedOutput()
	if err != nil {
		return fmt.Errorf("taking a picture with chromium (hack/dashboard/install installs it): %w: %s", err,
			bytes.TrimSpace(out))
	}
	return nil
}

// fewColors are 256 that stand for all of a part of a picture: the commonest, but none that is hardly another than one
// of those before it. The shades at the edges of letters and lines would otherwise cost more bytes than all else, and
// those of a gradient be lost.
func fewColors(whole image.Image, part image.Rectangle) color.Palette {
	count := map[color.RGBA]int{}
	for y := part.Min.Y; y < part.Max.Y; y++ {
		for x := part.Min.X; x < part.Max.X; x++ {
			count[color.RGBAModel.Convert(whole.At(x, y)).(color.RGBA)]++
		}
	}
	commonest := slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a.R, b.R), cmp.Compare(a.G, b.G), cmp.Compare(a.B, b.B))
	})
	var palette color.Palette
	for _, c := range commonest {
		alike := func(other color.Color) bool { return distance(c, other.(color.RGBA)) < tooAlike }
		if len(palette) < 256 && !slices.ContainsFunc(palette, alike) {
			palette = append(palette, c)
		}
	}
	return palette
}

// tooAlike is a distance of two colors that nobody sees in a thin line. It leaves about 256 of this picture.
const tooAlike = 14

func distance(a, b color.RGBA) int {
	sum := 0
	for _, d := range [3]int{int(a.R) - int(b.R), int(a.G) - int(b.G), int(a.B) - int(b.B)} {
		sum += max(d, -d)
	}
	return sum
}

// crop keeps the upper part of a picture.
func crop(from, to string, height int) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return fmt.Errorf("reading the picture: %w", err)
	}
	whole, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("reading the picture %s: %w", from, err)
	}
	size := image.Rect(0, 0, pageWidth*scale, int(float64(height)*scale)).Intersect(whole.Bounds())
	part := image.NewPaletted(size, fewColors(whole, size))
	draw.Draw(part, size, whole, image.Point{}, draw.Src)
	var file bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&file, part); err != nil {
		return fmt.Errorf("writing the picture: %w", err)
	}
	if err := os.WriteFile(to, file.Bytes(), 0o644); err != nil { // #nosec G306 -- a picture, to be seen by everybody.
		return fmt.Errorf("writing the picture: %w", err)
	}
	say("%s: %d x %d, %d KB", to, part.Rect.Dx(), part.Rect.Dy(), file.Len()>>10)
	return nil
}
