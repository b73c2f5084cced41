package command

import (
	"fmt"
	"io"
	"slices"

	"go.k6.io/k6/v2/cmd/state"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/advice"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/flags"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/summary"
)

// finished is a call that has come to its end.
type finished struct {
	judged connect.Judged
	enter  func() // enters the result in the session's ledger; nil for what measures nothing
	text   []string
}

// judged are verdicts in words of flags.
func (s *session) judged(j connect.Judged) connect.Judged {
	for i := range j.Verdicts {
		j.Verdicts[i].Text = flags.Words(s.call, j.Verdicts[i].Text)
	}
	return j
}

// advise adds to the first failure of each class what can be done about it, in words of flags.
func (s *session) advise(first map[connect.Class]connect.Failure) {
	advice.Add(first)
	for class, f := range first {
		f.Text = flags.Words(s.call, f.Error())
		first[class] = f
	}
}

// tell tells what has come of a call: in words on standard output, unless that is taken, and in the files that are asked for.
func (s *session) tell(f *finished) error {
	words := io.Writer(s.gs.Stdout)
	if slices.Contains([]string{s.files.html, s.files.junit, s.files.json}, "-") {
		words = s.gs.Stderr
	}
	for _, line := range f.text {
		if _, err := fmt.Fprintln(words, line); err != nil {
			return err
		}
	}
	if f.enter == nil {
		return nil
	}
	f.enter()
	r := s.ledger.Report(s.engine.Total.States())
	if err := summary.Write(words, r, nil, styleOf(s.gs, words)); err != nil {
		return err
	}
	s.files.title = "k6 x mconnect " + s.title
	return s.files.write(s.gs.Stdout, r)
}

// styleOf is the style of text for people that fits standard output, or whatever else it is written to.
func styleOf(gs *state.GlobalState, w io.Writer) summary.Style {
	out := gs.Stdout
	if w != io.Writer(out) {
		out = gs.Stderr
	}
	style := summary.StyleOf(out.Writer)
	style.Color = style.Color && !gs.Flags.NoColor
	return style
}

// marked is a verdict as a line of text.
func marked(v *connect.Verdict) string {
	mark := "✓"
	if !v.OK {
		mark = "✗"
	}
	return fmt.Sprintf("  %s %s: %s", mark, v.Name, v.Text)
}
