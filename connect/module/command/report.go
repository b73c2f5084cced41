package command

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"go.k6.io/k6/v2/cmd/state"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/picture"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
)

const reportHelp = `Reads what ctraffic -stats all or summary, mconnect -output json, or a script with report()
or the result of traffic() or flood() has written, and prints what it amounts to: totals,
lost and lasting connections by host, connections and throughput by second. With --html
or --svg it draws it instead. Lines before and after the JSON, such as mconnect's
"Read err: EOF", are passed over.`

const reportExample = `  ctraffic -address [1000::2]:5003 -nconn 400 -rate 4000 -stats all > run.json
  k6 x mconnect report run.json
  k6 x mconnect report run.json --html run.html --svg pictures
  zcat run.json.gz | k6 x mconnect report -`

// files are what `k6 x mconnect report` reads and writes.
type files struct {
	recording string // "-" is standard input
	html      string // "" for none
	svg       string // a directory, "" for none
	title     string
}

func newReport(gs *state.GlobalState) *cobra.Command {
	var f files
	c := &cobra.Command{
		Use:     "report FILE.json",
		Short:   "Analyze or draw a recording of ctraffic, mconnect or this extension",
		Long:    reportHelp,
		Example: reportExample,
		Args:    oneRecording,
		RunE: func(_ *cobra.Command, args []string) error {
			f.recording = args[0]
			return f.report(gs.Stdin, gs.Stdout)
		},
	}
	c.Flags().StringVar(&f.html, "html", "", "write a page with all charts to this `file`")
	c.Flags().StringVar(&f.svg, "svg", "", "write each chart to a file in this `directory`, which is made if missing")
	c.Flags().StringVar(&f.title, "title", "", "the page's title (default: the recording's file name)")
	return c
}

func oneRecording(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("got %d files; want one recording, as in: k6 x mconnect report run.json", len(args))
	}
	return nil
}

// report reads the recording, and prints or draws it.
func (f *files) report(in io.Reader, out io.Writer) error {
	r, err := f.read(in)
	if err != nil {
		return err
	}
	if f.html == "" && f.svg == "" {
		return recording.WriteText(out, r)
	}
	switch {
	case f.title != "":
	case f.recording == "-":
		f.title = "standard input"
	default:
		f.title = filepath.Base(f.recording)
	}
	page := picture.Draw(r, f.title)
	if f.html != "" {
		if err := writeHTML(f.html, page); err != nil {
			return err
		}
	}
	if f.svg != "" {
		if len(page.SVGs()) == 0 {
			return fmt.Errorf("--svg: %q has totals alone, and nothing to draw; want one that ctraffic writes with -stats all, or print or --html it", f.recording)
		}
		return writeSVGs(f.svg, page)
	}
	return nil
}

func (f *files) read(in io.Reader) (*recording.Report, error) {
	if f.recording != "-" {
		file, err := os.Open(f.recording)
		if err != nil {
			return nil, fmt.Errorf("can't read the recording: %w", quote.Error(err))
		}
		defer file.Close()
		in = file
	}
	r, err := recording.Read(in)
	if err != nil {
		return nil, fmt.Errorf("can't read %q: %w", f.recording, err)
	}
	return r, nil
}

func writeHTML(name string, page *picture.Page) error {
	text, err := page.HTML()
	if err != nil {
		return err
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil { // #nosec G306 -- a picture to show around
		return fmt.Errorf("--html: %w", err)
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
