package command

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.k6.io/k6/v2/cmd/state"
	"go.k6.io/k6/v2/errext"

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

// report is what `k6 x mconnect report` reads and writes.
type report struct {
	files
	recordings []string // "-" is standard input
	parts      int      // recordings with calls that there must be; 0 is any number
}

func newReport(gs *state.GlobalState) *cobra.Command {
	var r report
	c := &cobra.Command{
		Use:     "report FILE.json...",
		Short:   "Analyze or draw a recording of ctraffic, mconnect or this extension",
		Long:    reportHelp,
		Example: reportExample,
		Args:    inError(checkRecordings),
		RunE: func(_ *cobra.Command, args []string) error {
			r.recordings = args
			return failed(r.run(gs))
		},
	}
	r.addFlags(c.Flags())
	c.Flags().IntVar(&r.parts, "parts", 0, "fail unless `n` recordings have calls, such as one of each instance of a test (default: any number)")
	c.Flags().StringVar(&r.title, "title", "", "the page's title (default: the recordings' file names)")
	return c
}

func checkRecordings(_ *cobra.Command, args []string) error {
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

// run reads the recordings, and prints, draws or writes what they come to. The error tells of a verdict that does not hold.
func (r *report) run(gs *state.GlobalState) error {
	all, err := r.read(gs)
	if err != nil {
		return err
	}
	r.title = cmp.Or(r.title, strings.Join(r.names(), ", "))
	where := "the summary says"
	if r.any() {
		where = "what was written, or report without --html and the like, says"
		err = r.write(gs.Stdout, all)
	} else {
		err = printReport(gs, all)
	}
	if err != nil {
		return err
	}
	failed := summary.Failed(all, nil)
	if failed == 0 {
		return nil
	}
	what := fmt.Sprintf("%d verdicts do not hold", failed)
	if failed == 1 {
		what = "1 verdict does not hold"
	}
	return errext.WithExitCodeIfNone(fmt.Errorf("%s; %s which, and why", what, where), exitVerdict)
}

// names are those of the recordings, without folders.
func (r *report) names() []string {
	names := make([]string, 0, len(r.recordings))
	for _, name := range r.recordings {
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

// printReport tells of each call; recordings of other tools, which have totals alone, and traffic by second, are told in ctraffic's words.
func printReport(gs *state.GlobalState, all *recording.Report) error {
	rest := *all
	if len(all.ByCall) > 0 {
		if err := summary.Write(gs.Stdout, all, nil, styleOf(gs, gs.Stdout)); err != nil {
			return err
		}
		if len(all.Traffic) == 0 {
			return nil
		}
		rest = recording.Report{Traffic: all.Traffic}
	}
	return recording.WriteText(gs.Stdout, &rest)
}

// read adds up the recordings, each of which counts once.
func (r *report) read(gs *state.GlobalState) (*recording.Report, error) {
	parts := make([]*recording.Report, 0, len(r.recordings))
	for i, name := range r.recordings {
		part, err := readOne(name, gs.Stdin)
		if err != nil {
			return nil, err
		}
		if !hasCalls(part) {
			gs.Logger.Warnf("mconnect: %q has no calls: what it should have is missing here; did that process run any?", name)
		}
		if failed := part.Unjudged(); failed > 0 {
			gs.Logger.Warnf("mconnect: %q has %d connections that failed or were lost, and no verdicts: the exit code and --junit do not tell of these", name, failed)
		}
		for j, before := range parts {
			if recording.Same(before, part) {
				return nil, fmt.Errorf("%q is the same recording as %q, and would count twice; want each one once", r.recordings[i], r.recordings[j])
			}
			if call, both := recording.Share(before, part); both {
				gs.Logger.Warnf("mconnect: %q and %q both have a %s() that began at %s, so it counts twice: is one of them the sum of others? Want what was added up, or the sum",
					r.recordings[j], r.recordings[i], call.Call, call.StartTime.Format(time.RFC3339Nano))
			}
		}
		parts = append(parts, part)
	}
	if err := r.checkParts(parts); err != nil {
		return nil, err
	}
	return recording.Merge(parts...), nil
}

func hasCalls(r *recording.Report) bool { return len(r.ByCall)+len(r.Traffic) > 0 || r.Connects > 0 }

// checkParts checks that as many recordings have calls as there must be.
func (r *report) checkParts(parts []*recording.Report) error {
	n := 0
	for _, part := range parts {
		if hasCalls(part) {
			n++
		}
	}
	if r.parts == 0 || n == r.parts {
		return nil
	}
	why := "one is of another run; remove old recordings before a test"
	if n < r.parts {
		why = "an instance has not run, or has not ended by itself, or its recording was not fetched; what it did is missing here, so see its log, and run the test again"
	}
	return fmt.Errorf("--parts: want %d recordings with calls, got %d (%s): %s", r.parts, n, strings.Join(r.names(), ", "), why)
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
