package command

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.k6.io/k6/v2/cmd/state"
	"go.k6.io/k6/v2/errext"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/picture"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/summary"
)

const reportHelp = `Reads what ctraffic -stats all or summary, mconnect -output json, or a script with summary(),
report() or the result of traffic() or flood() has written, and prints what it amounts to:
totals, shares, times and verdicts by call, lost and lasting connections by host, connections
and throughput by second. With --html, --svg, --junit or --json it writes that instead. Lines
before and after the JSON, such as mconnect's "Read err: EOF", are passed over.

Several recordings, such as those of a test's instances, are added up, and floods, holds and
traffic are judged over all of them. The same recording twice is an error. What an instance
would have told whose recording is not there is known to nobody: say with --parts how many
there must be.

The exit code is 99 if a verdict does not hold. Recordings of other tools have none.`

const reportExample = `  ctraffic -address [1000::2]:5003 -nconn 400 -rate 4000 -stats all > run.json
  k6 x mconnect report run.json
  k6 x mconnect report run.json --html run.html --svg pictures
  k6 x mconnect report instance-1.json instance-2.json --parts 2 --junit all.xml
  zcat run.json.gz | k6 x mconnect report -`

// files are what calls and `k6 x mconnect report` write, and the recordings that the latter reads.
type files struct {
	recordings []string // "-" is standard input
	html       string   // "" for none
	svg        string   // a directory, "" for none
	junit      string   // "" for none
	json       string   // "" for none
	title      string
	parts      int // recordings with calls that there must be; 0 is any number
}

func newReport(gs *state.GlobalState) *cobra.Command {
	var f files
	c := &cobra.Command{
		Use:     "report FILE.json...",
		Short:   "Analyze or draw a recording of ctraffic, mconnect or this extension",
		Long:    reportHelp,
		Example: reportExample,
		Args:    inError(recordings),
		RunE: func(_ *cobra.Command, args []string) error {
			f.recordings = args
			return failed(f.report(gs))
		},
	}
	f.addFlags(c.Flags())
	c.Flags().IntVar(&f.parts, "parts", 0, "fail unless `n` recordings have calls, such as one of each instance of a test (default: any number)")
	c.Flags().StringVar(&f.title, "title", "", "the page's title (default: the recordings' file names)")
	return c
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

func recordings(_ *cobra.Command, args []string) error {
	const most = 1000
	switch stdin := slices.Index(args, "-"); {
	case len(args) == 0:
		return errors.New("got 0 files; want one recording or several, as in: k6 x mconnect report run.json")
	case len(args) > most:
		return fmt.Errorf("got %d files; want at most %d", len(args), most)
	case stdin >= 0 && slices.Contains(args[stdin+1:], "-"):
		return errors.New("got standard input (-) twice; want it once, or files")
	}
	return nil
}

// report reads the recordings, and prints, draws or writes what they come to. The error tells of a verdict that does not hold.
func (f *files) report(gs *state.GlobalState) error {
	r, err := f.read(gs)
	if err != nil {
		return err
	}
	f.title = cmp.Or(f.title, strings.Join(f.names(), ", "))
	if !f.any() {
		if err := f.print(gs, r); err != nil {
			return err
		}
	} else if err := f.write(gs.Stdout, r); err != nil {
		return err
	}
	if failed := summary.Failed(r, nil); failed > 0 {
		where := "the summary says"
		if f.any() {
			where = "what was written, or report without --html and the like, says"
		}
		what := fmt.Sprintf("%d verdicts do not hold", failed)
		if failed == 1 {
			what = "1 verdict does not hold"
		}
		err := fmt.Errorf("%s; %s which, and why", what, where)
		return errext.WithExitCodeIfNone(err, exitVerdict)
	}
	return nil
}

// names are those of the recordings, without folders.
func (f *files) names() []string {
	names := make([]string, 0, len(f.recordings))
	for _, name := range f.recordings {
		if name == "-" {
			name = "standard input"
		}
		names = append(names, filepath.Base(name))
	}
	const most = 4
	if more := len(names) - most; more > 0 {
		names = append(names[:most], fmt.Sprintf("and %d more", more))
	}
	return names
}

// print tells of each call; recordings of other tools, which have totals alone, and traffic by second, are told in ctraffic's words.
func (f *files) print(gs *state.GlobalState, r *recording.Report) error {
	rest := *r
	if len(r.ByCall) > 0 {
		if err := summary.Write(gs.Stdout, r, nil, styleOf(gs, gs.Stdout)); err != nil {
			return err
		}
		if len(r.Traffic) == 0 {
			return nil
		}
		rest = recording.Report{Traffic: r.Traffic}
	}
	return recording.WriteText(gs.Stdout, &rest)
}

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

// read adds up the recordings, each of which counts once.
func (f *files) read(gs *state.GlobalState) (*recording.Report, error) {
	reports := make([]*recording.Report, 0, len(f.recordings))
	parts := 0
	for i, name := range f.recordings {
		r, err := readOne(name, gs.Stdin)
		if err != nil {
			return nil, err
		}
		if len(r.ByCall)+len(r.Traffic) > 0 || r.Connects > 0 {
			parts++
		} else {
			gs.Logger.Warnf("mconnect: %q has no calls: what it should have is missing here; did that process run any?", name)
		}
		if failed := r.Unjudged(); failed > 0 {
			gs.Logger.Warnf("mconnect: %q has %d connections that failed or were lost, and no verdicts: the exit code and --junit do not tell of these", name, failed)
		}
		for j, before := range reports {
			if recording.Same(before, r) {
				return nil, fmt.Errorf("%q is the same recording as %q, and would count twice; want each one once", f.recordings[i], f.recordings[j])
			}
			if call, both := recording.Share(before, r); both {
				gs.Logger.Warnf("mconnect: %q and %q both have a %s() that began at %s, so it counts twice: is one of them the sum of others? Want what was added up, or the sum",
					f.recordings[j], f.recordings[i], call.Call, call.StartTime.Format(time.RFC3339Nano))
			}
		}
		reports = append(reports, r)
	}
	if f.parts != 0 && parts != f.parts {
		why := "one is of another run; remove old recordings before a test"
		if parts < f.parts {
			why = "an instance has not run, or has not ended by itself, or its recording was not fetched; what it did is missing here, so see its log, and run the test again"
		}
		return nil, fmt.Errorf("--parts: want %d recordings with calls, got %d (%s): %s", f.parts, parts, strings.Join(f.names(), ", "), why)
	}
	return recording.Merge(reports...), nil
}

func readOne(name string, in io.Reader) (*recording.Report, error) {
	if name != "-" {
		file, err := os.Open(name) // #nosec G304 -- which the user names
		if err != nil {
			return nil, fmt.Errorf("can't read the recording: %w", quote.Error(err))
		}
		defer file.Close()
		in = file
	}
	r, err := recording.Read(in)
	if err != nil {
		return nil, fmt.Errorf("can't read %q: %w", name, err)
	}
	return r, nil
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
