package summary

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// WriteJUnit writes a report as JUnit XML (the dialect of Ant and Jenkins): a suite for calls that are about the same, with a test case for
// each verdict, and a suite with a case for each threshold. A call that was rejected is an error, all else that does not hold a failure.
// The name is that of the whole.
func WriteJUnit(w io.Writer, r *recording.Report, thresholds []Threshold, name string) error {
	all := junitSuites{Name: printable(name), Time: seconds(0)}
	for _, c := range r.ByCall {
		all.add(suiteOf(Title(c), c.Call, c.StartTime, c.Duration, c.Verdicts))
	}
	for i := range r.OverAll {
		o := &r.OverAll[i]
		title := fmt.Sprintf("over all %d calls: %s", o.Calls, Title(&recording.Call{About: o.About}))
		all.add(suiteOf(title, o.Call+".over_all", r.StartTime, 0, o.Verdicts))
	}
	if len(thresholds) > 0 {
		all.add(suiteOfThresholds(thresholds, r.StartTime))
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

type junitSuites struct {
	XMLName  xml.Name `xml:"testsuites"`
	Name     string   `xml:"name,attr"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Errors   int      `xml:"errors,attr"`
	Time     string   `xml:"time,attr"`
	Suites   []junitSuite

	seconds float64
}

type junitSuite struct {
	XMLName   xml.Name `xml:"testsuite"`
	Name      string   `xml:"name,attr"`
	Tests     int      `xml:"tests,attr"`
	Failures  int      `xml:"failures,attr"`
	Errors    int      `xml:"errors,attr"`
	Skipped   int      `xml:"skipped,attr"`
	Time      string   `xml:"time,attr"`
	Timestamp string   `xml:"timestamp,attr,omitempty"`
	Cases     []junitCase

	seconds float64
}

type junitCase struct {
	XMLName xml.Name    `xml:"testcase"`
	Class   string      `xml:"classname,attr"`
	Name    string      `xml:"name,attr"`
	Time    string      `xml:"time,attr"`
	Failure *junitWrong `xml:"failure"`
	Error   *junitWrong `xml:"error"`
	Output  string      `xml:"system-out,omitempty"`
}

type junitWrong struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

func (all *junitSuites) add(s junitSuite) {
	if len(s.Cases) == 0 {
		return
	}
	all.Tests += s.Tests
	all.Failures += s.Failures
	all.Errors += s.Errors
	all.seconds += s.seconds
	all.Time = seconds(all.seconds)
	all.Suites = append(all.Suites, s)
}

func (s *junitSuite) add(c junitCase) {
	s.Tests++
	switch {
	case c.Error != nil:
		s.Errors++
	case c.Failure != nil:
		s.Failures++
	}
	s.Cases = append(s.Cases, c)
}

func suiteOf(title, class string, start time.Time, length time.Duration, list []recording.Judgement) junitSuite {
	s := junitSuite{Name: printable(title), Time: seconds(length.Seconds()), seconds: length.Seconds(), Timestamp: timestamp(start)}
	for i := range list {
		j := &list[i]
		c := junitCase{Class: "mconnect." + class, Name: printable(j.Name), Time: s.Time}
		text := printable(verdictText(j))
		wrong := &junitWrong{Message: printable(verdictOf(j, firstOf(j))), Type: "verdict", Text: text}
		switch {
		case j.OK():
			c.Output = text
		case j.Name == verdicts.Ran:
			c.Error = wrong
		default:
			c.Failure = wrong
		}
		s.add(c)
	}
	return s
}

func suiteOfThresholds(list []Threshold, start time.Time) junitSuite {
	s := junitSuite{Name: "thresholds", Time: seconds(0), Timestamp: timestamp(start)}
	for i := range list {
		t := &list[i]
		c := junitCase{Class: "mconnect.thresholds", Name: printable(t.Metric + " " + t.Source), Time: seconds(0), Output: printable(t.Value)}
		if !t.OK {
			text := fmt.Sprintf("%s is expected to hold %s", t.Metric, t.Source)
			if t.Value != "" {
				text += ", but is " + t.Value
			}
			c.Failure = &junitWrong{Message: printable(text), Type: "threshold", Text: printable(text)}
			c.Output = ""
		}
		s.add(c)
	}
	return s
}

// firstOf is the part of a verdict's text that says what is wrong, without why and what to do. Of hosts, it says which ones.
func firstOf(j *recording.Judgement) string {
	end := "; "
	if j.Name == verdicts.Hosts {
		end = ": "
	}
	first, _, _ := strings.Cut(j.Text, end)
	return first
}

// printable leaves out what XML can't hold.
func printable(text string) string { return quote.Printable(text) }

func seconds(s float64) string { return fmt.Sprintf("%.3f", s) }

func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05")
}
