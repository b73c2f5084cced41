//go:build linux

package e2e

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// theme is what a reader prefers, as Chromium numbers it.
type theme int

const (
	dark theme = iota
	light
)

func (th theme) String() string { return [...]string{"dark", "light"}[th] }

// looked is what Chromium shows of a file.
type looked struct {
	image.Image
	console []string // what it complains about
}

// look opens a file in headless Chromium.
func look(t *testing.T, file string, preferred theme, width, height int) *looked {
	t.Helper()
	path, err := filepath.Abs(file)
	require.NoError(t, err)
	shot := filepath.Join(t.TempDir(), "shot.png")
	p := start(t, nil, "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=1",
		"--user-data-dir="+t.TempDir(), "--enable-logging=stderr", fmt.Sprintf("--blink-settings=preferredColorScheme=%d", preferred),
		fmt.Sprintf("--window-size=%d,%d", width, height), "--screenshot="+shot, "file://"+path)
	require.Zero(t, p.wait(t), "%s", p.stderr)
	seen := &looked{}
	for line := range strings.Lines(p.stderr.String()) {
		if strings.Contains(line, "CONSOLE") {
			seen.console = append(seen.console, line)
		}
	}
	written, err := os.Open(shot)
	require.NoError(t, err, "%s", p.stderr)
	defer written.Close()
	seen.Image, err = png.Decode(written)
	require.NoError(t, err)
	return seen
}

// share is the part of a region's pixels that are of a colour, or nearly so.
func (l *looked) share(of color.Color, region image.Rectangle) float64 {
	wanted, among := 0, 0
	r, g, b, _ := of.RGBA()
	region = region.Intersect(l.Bounds())
	for y := region.Min.Y; y < region.Max.Y; y++ {
		for x := region.Min.X; x < region.Max.X; x++ {
			among++
			if p, q, s, _ := l.At(x, y).RGBA(); near(p, r) && near(q, g) && near(s, b) {
				wanted++
			}
		}
	}
	return float64(wanted) / float64(max(among, 1))
}

func near(a, b uint32) bool { return max(a, b)-min(a, b) < 0x0600 }

// rgb is a colour as style sheets write it.
func rgb(v uint32) color.Color {
	return color.NRGBA{R: uint8(v >> 16), G: uint8(v >> 8), B: uint8(v), A: 255}
}

// A page that complains is noticed: without this, the other tests would say nothing.
func TestBrowserComplains(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.html")
	require.NoError(t, os.WriteFile(file, []byte(`<!DOCTYPE html><title>x</title><script>console.error("noticed")</script>`), 0o600))
	seen := look(t, file, light, 300, 300)
	require.Len(t, seen.console, 1)
	assert.Contains(t, seen.console[0], "noticed")
	assert.Greater(t, seen.share(rgb(0xFFFFFF), seen.Bounds()), 0.99, "an empty page is empty")
}
