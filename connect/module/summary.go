package module

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/grafana/sobek"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/picture"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/summary"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// summary is summary(options) of the JS API: a function for handleSummary.
func (i *instance) summary(opts sobek.Value) func(data sobek.Value) sobek.Value {
	o, err := options.ParseSummary(i.exported(opts))
	if err == nil {
		err = i.root.checkWritable(o)
	}
	if err != nil {
		i.throw("summary", err)
	}
	i.rehearse(o)
	return func(data sobek.Value) sobek.Value {
		value, err := i.summarized(o, data)
		if err != nil {
			i.throw("summary", failure{fmt.Errorf("summary(): %w", err)})
		}
		return value
	}
}

// rehearse writes the files of a summary when the test has ended, and once more than k6 asks for: k6 takes no notice of what handleSummary throws, but
// judges the thresholds after this, so that a disk that is full fails the test. The files lack the thresholds then. With --summary-mode=disabled, k6
// does not ask for any.
func (i *instance) rehearse(o *options.Summary) {
	if env := i.vu.InitEnv(); env != nil && env.RuntimeOptions.SummaryMode.String == "disabled" {
		return
	}
	if _, known := i.root.rehearsed.LoadOrStore(*o, true); known {
		return
	}
	i.atTestEnd(func() {
		files, err := summaryFiles(o, i.root.ledger.Report(i.root.engine.Total.States()), nil)
		for name := range files {
			if info, err := os.Lstat(name); err == nil && !info.Mode().IsRegular() {
				delete(files, name) // a pipe, whose reader wants one report
			}
		}
		if err == nil {
			err = writeFiles(files)
		}
		if plain := i.root.plain.Load(); err != nil && plain != nil {
			e := *plain // a script may have several summaries
			e.ran("summary", verdicts.Failed("summary", err))
		}
	})
}

// summarized makes the text and the files. To k6 they are one thing with its own summary: that is left out if a script has text or files.
// So that k6 goes on to print it, k6 gets nothing here: the files are written at once, and the text follows k6's, when k6 exits. With replace k6
// gets them, to print and to write.
func (i *instance) summarized(o *options.Summary, data sobek.Value) (sobek.Value, error) {
	given, err := handed(data)
	if err != nil {
		return nil, err
	}
	for _, metric := range given.noVerdicts() {
		i.root.logger.Warnf("mconnect: the threshold on %s never fails: there is no verdict of that name; want one of %s", quote.Printable(metric), strings.Join(verdicts.Names, ", "))
	}
	r := i.root.ledger.Report(i.root.engine.Total.States())
	r.Thresholds = given.thresholds()
	style := summary.StyleOf(i.root.stdout)
	style.Color = style.Color && !given.Options.NoColor
	var out strings.Builder
	if err := summary.Write(&out, r, given.thresholds(), style); err != nil {
		return nil, err
	}
	files, err := summaryFiles(o, r, given.thresholds())
	if err != nil {
		return nil, err
	}
	if o.Replace {
		forK6 := map[string]any{"stdout": out.String()} // which takes no map of another type
		for name, text := range files {
			if err := makeFolder(name); err != nil { // k6 makes none
				return nil, fmt.Errorf("can't make a folder that it is asked for: %w", quote.Error(err))
			}
			forK6[name] = text
		}
		return i.vu.Runtime().ToValue(forK6), nil
	}
	i.atExit(func() { _, _ = i.root.stdout.Write([]byte(out.String())) })
	return sobek.Undefined(), writeFiles(files)
}

// summaryFiles are the texts of the files that are asked for, by their names.
func summaryFiles(o *options.Summary, r *recording.Report, thresholds []summary.Threshold) (map[string]string, error) {
	files := map[string]string{}
	page := picture.Draw(r, o.Title)
	if o.HTML != "" {
		text, err := page.HTML()
		if err != nil {
			return nil, err
		}
		files[o.HTML] = text
	}
	if o.SVG != "" {
		for name, chart := range page.SVGs() {
			files[filepath.Join(o.SVG, name+".svg")] = chart
		}
	}
	if o.JSON != "" {
		text, err := encode(r, nanoseconds)
		if err != nil {
			return nil, err
		}
		files[o.JSON] = string(text) + "\n"
	}
	if o.JUnit != "" {
		var text strings.Builder
		if err := summary.WriteJUnit(&text, r, thresholds, o.Title); err != nil {
			return nil, err
		}
		files[o.JUnit] = text.String()
	}
	return files, nil
}

// writeFiles writes what can be written. Of a file that can't be, such as on a full disk, nothing is left: neither a part of it, nor an earlier test's.
func writeFiles(files map[string]string) error {
	var failed []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		err := makeFolder(name)
		if err == nil {
			err = os.WriteFile(name, []byte(files[name]), 0o644) // #nosec G306 -- reports to show around
		}
		if err == nil {
			continue
		}
		failed = append(failed, quote.Error(err).Error())
		if info, err := os.Lstat(name); err == nil && info.Mode().IsRegular() {
			_ = os.Remove(name) // else it is a device, or not to be removed, which is told already
		}
	}
	if failed == nil {
		return nil
	}
	return fmt.Errorf("can't write files that it is asked for: %s", strings.Join(failed, "; "))
}

// makeFolder makes the folder of a file.
func makeFolder(of string) error {
	return os.MkdirAll(filepath.Dir(of), 0o755) // #nosec G301 -- reports to show around
}
