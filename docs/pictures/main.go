// Command pictures makes the pictures of the documents: it runs ./k6 with the scripts beside it, and photographs a page with Chromium.
// `make pictures` runs it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"time"
)

const here = "docs/pictures"

// scene is a run of a script, some charts of which are kept.
type scene struct {
	script string
	env    []string
	keep   map[string]string // from the chart's name to the file's
}

func scenes(slow string) []scene {
	return []scene{
		{"outages.js", []string{
			"BACKENDS=web-1,web-2", "CONNECTIONS=40", "DURATION=8s", `OUTAGES=[{"after": 3000, "name": "web-1", "down": 1500}]`,
		}, map[string]string{"traffic-connections": "traffic-connections", "traffic-lost": "traffic-lost"}},
		{"outages.js", []string{
			"BACKENDS=web-1,web-2,web-3", "CONNECTIONS=60", "DURATION=14s",
			`OUTAGES=[{"after": 2000, "name": "web-1", "down": 800}, {"after": 6000, "name": "web-2", "down": 1500, "change": "upgrade of web-2"}, {"after": 10500, "name": "web-3", "down": 400}]`,
		}, map[string]string{"traffic-connections": "three-outages"}},
		{"closed-hold.js", nil, map[string]string{"hold-connections": "closed-hold"}},
		{"slow-backend.js", []string{"SLOW=" + slow}, map[string]string{"connects-hosts": "slow-backend"}},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := makeAll(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "pictures:", err)
		os.Exit(1) //nolint:gocritic // the context needs no end
	}
}

func makeAll(ctx context.Context) error {
	scratch, err := os.MkdirTemp("", "pictures")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	slow, err := listenSlowly(ctx)
	if err != nil {
		return err
	}
	for _, s := range scenes(slow) {
		if err := s.play(ctx, scratch); err != nil {
			return fmt.Errorf("%s: %w", s.script, err)
		}
	}
	return errors.Join(photograph(ctx, scratch), mesh(ctx, scratch))
}

// play runs the script. Its verdicts and thresholds may fail: that is what the pictures show.
func (s *scene) play(ctx context.Context, scratch string) error {
	args := make([]string, 0, 2*len(s.env)+3)
	args = append(args, "-e", "SVG="+scratch)
	for _, e := range s.env {
		args = append(args, "-e", e)
	}
	if err := runK6(ctx, append(args, filepath.Join(here, s.script))...); err != nil {
		return err
	}
	for chart, name := range s.keep {
		if err := os.Rename(filepath.Join(scratch, chart+".svg"), filepath.Join(here, name+".svg")); err != nil {
			return err
		}
	}
	return nil
}

// runK6 runs ./k6, which may end with the exit code of thresholds.
func runK6(ctx context.Context, args ...string) error {
	const thresholdsFailed = 99
	k6 := exec.CommandContext(ctx, "./k6", append([]string{"run", "--quiet"}, args...)...) // #nosec G204 -- lines of its own
	k6.Stdout, k6.Stderr = os.Stdout, os.Stderr
	err := k6.Run()
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) && failed.ExitCode() == thresholdsFailed {
		return nil
	}
	return err
}

// photograph takes the page of a rolling restart, to below its first chart.
func photograph(ctx context.Context, scratch string) error {
	page := filepath.Join(scratch, "report.html")
	if err := runK6(ctx, "-e", "RUDE=1", "-e", "HTML="+page, "examples/rolling.js"); err != nil {
		return fmt.Errorf("rolling.js: %w", err)
	}
	return shoot(ctx, scratch, "report", "file://"+page, 1190)
}

// shoot takes a page in both themes.
func shoot(ctx context.Context, scratch, name, url string, height int) error {
	for scheme, theme := range []string{"dark", "light"} { // as Chromium numbers them
		shot, err := filepath.Abs(filepath.Join(here, name+"-"+theme+".png"))
		if err != nil {
			return err
		}
		chromium := exec.CommandContext(ctx, "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", // #nosec G204 -- lines of its own
			"--user-data-dir="+filepath.Join(scratch, theme), fmt.Sprintf("--blink-settings=preferredColorScheme=%d", scheme),
			fmt.Sprintf("--window-size=1200,%d", height), "--screenshot="+shot, url)
		if text, err := chromium.CombinedOutput(); err != nil {
			return fmt.Errorf("chromium: %w: %s", err, text)
		}
	}
	return nil
}

// listenSlowly starts a backend whose answers come late, and returns its address.
func listenSlowly(ctx context.Context) (string, error) {
	const late = 290 * time.Millisecond
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			time.AfterFunc(late, func() {
				_, _ = io.WriteString(conn, "web-slow")
				_ = conn.Close()
			})
		}
	}()
	return listener.Addr().String(), nil
}
