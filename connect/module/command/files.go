package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/picture"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/summary"
)

// files are those that calls and `k6 x mconnect report` write; "" is none.
type files struct {
	html  string
	svg   string // a directory
	junit string
	json  string
	title string
}

// addFlags adds those of the files to write.
func (f *files) addFlags(to *pflag.FlagSet) {
	to.StringVar(&f.html, "html", "", "write a page with all charts to this `file`; - is standard output, here and below")
	to.StringVar(&f.svg, "svg", "", "write each chart to a file in this `directory`, which is made if missing")
	to.StringVar(&f.junit, "junit", "", "write the verdicts as JUnit XML to this `file`")
	to.StringVar(&f.json, "json", "", "write a recording to this `file`, which k6 x mconnect report reads")
}

// check reports which of the files can't be written: before a call, not when its result is lost.
func (f *files) check() error {
	for _, file := range []struct{ flag, name string }{{"--html", f.html}, {"--junit", f.junit}, {"--json", f.json}} {
		info, err := os.Stat(file.name)
		missing := errors.Is(err, fs.ErrNotExist)
		if file.name == "" || file.name == "-" || err == nil && !info.Mode().IsRegular() && !info.IsDir() {
			continue // a device, or a pipe, which may wait for its reader
		}
		opened, err := os.OpenFile(file.name, os.O_WRONLY|os.O_CREATE, 0o644) // #nosec G302 G304 -- a report to show around, which the user names
		if err != nil {
			return fmt.Errorf("%s: %w", file.flag, err)
		}
		if err = opened.Close(); missing {
			err = errors.Join(err, os.Remove(file.name))
		}
		if err != nil {
			return fmt.Errorf("%s: %w", file.flag, err)
		}
	}
	return nil
}

// any reports whether a file is asked for.
func (f *files) any() bool { return f.html+f.svg+f.junit+f.json != "" }

// write writes the files that are asked for, and of these what can be written.
func (f *files) write(stdout io.Writer, r *recording.Report) error {
	page := picture.Draw(r, f.title)
	var failed []error
	for _, file := range []struct {
		flag, name string
		text       func() ([]byte, error)
	}{
		{"--html", f.html, func() ([]byte, error) {
			text, err := page.HTML()
			return []byte(text), err
		}},
		{"--junit", f.junit, func() ([]byte, error) {
			var text bytes.Buffer
			err := summary.WriteJUnit(&text, r, nil, f.title)
			return text.Bytes(), err
		}},
		{"--json", f.json, func() ([]byte, error) {
			text, err := json.Marshal(r) // durations in nanoseconds, as in report()
			return append(text, '\n'), err
		}},
	} {
		if file.name == "" {
			continue
		}
		text, err := file.text()
		if err == nil {
			err = writeFile(stdout, file.flag, file.name, text)
		}
		failed = append(failed, err)
	}
	if f.svg != "" {
		failed = append(failed, f.writeCharts(page))
	}
	return errors.Join(failed...)
}

func (f *files) writeCharts(page *picture.Page) error {
	if len(page.SVGs()) == 0 {
		return fmt.Errorf("--svg: %q has totals alone, and nothing to draw; want one that ctraffic writes with -stats all, or print or --html it", f.title)
	}
	return writeSVGs(f.svg, page)
}

func writeFile(stdout io.Writer, flag, name string, text []byte) error {
	if name == "-" {
		_, err := stdout.Write(text)
		return err
	}
	if err := os.WriteFile(name, text, 0o644); err != nil { // #nosec G306 -- a report to show around
		if info, gone := os.Lstat(name); gone == nil && info.Mode().IsRegular() {
			_ = os.Remove(name) // a part of a report, or an earlier one, is worse than none
		}
		return fmt.Errorf("%s: %w", flag, err)
	}
	return nil
}

func writeSVGs(directory string, page *picture.Page) error {
	if err := os.MkdirAll(directory, 0o755); err != nil { // #nosec G301 -- pictures to show around
		return fmt.Errorf("--svg: %w", err)
	}
	for name, text := range page.SVGs() {
		if err := os.WriteFile(filepath.Join(directory, name+".svg"), []byte(text), 0o644); err != nil { // #nosec G306 -- a picture to show around
			return fmt.Errorf("--svg: %w", err)
		}
	}
	return nil
}
