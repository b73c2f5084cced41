//go:build linux

package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// A fault is something that breaks in load balancers, and that verdicts have to find. A script of the kind that users write runs
// twice: all verdicts must hold at first, and exactly those in red must fail once the fault is there.
type fault struct {
	name    string
	does    string // what is broken
	kind    *kind
	script  string
	missing func() string
	inject  func(l *lab) error
	// red are the verdicts that fail, each with words that its text must have. BACKEND stands for the name of the one that the script changes.
	red map[string][]string
	own *met // nil if new connections alone do not meet it
}

func (f *fault) title() string { return f.name }

// show shows the fault over each IP version, and prints one row.
func (f *fault) show(ctx context.Context, s *settings, results *table) (failed bool, err error) {
	var shown verdicts
	for _, family := range s.families {
		v, complaint, err := f.showOver(ctx, s, family, results)
		if err != nil {
			return failed, fmt.Errorf("over IPv%s: %w", family, err)
		}
		if complaint != "" {
			fmt.Fprintf(os.Stderr, "fault %s over IPv%s: %s\n", f.name, family, complaint)
		}
		if !failed {
			shown = v
		}
		failed = failed || complaint != ""
	}
	results.print(entry{Fault: &faultRow{f.name, f.does, f.kind.name, shown, !failed}})
	return failed, nil
}

// showOver runs the script in a network of its own, since faults are not undone. The complaint is "" if the verdicts are right.
func (f *fault) showOver(ctx context.Context, s *settings, family string, results *table) (v verdicts, complaint string, err error) {
	l, err := startLab(s, f.kind, results)
	if err != nil {
		return v, "", err
	}
	defer l.close()
	number := middle(s.servers)
	environment := fmt.Sprintf("BACKEND=%d", number)
	sound, err := l.k6Run(ctx, f.script, family, nil, environment)
	if err != nil {
		return v, "", err
	}
	if !sound.ok {
		return sound.verdicts, "verdicts fail without it: " + sound.log, nil
	}
	l.fault = f
	broken, err := l.k6Run(ctx, f.script, family, slices.Sorted(maps.Keys(f.red)), environment)
	if err != nil {
		return v, "", err
	}
	if s.verbose {
		fmt.Fprintln(os.Stderr, broken.log)
	}
	return broken.verdicts, f.judge(broken, l.network.backends[number-1].name), nil
}

// judge says what is wrong with the verdicts, "" if nothing is.
func (f *fault) judge(run *k6Run, backend string) string {
	want, got := slices.Sorted(maps.Keys(f.red)), slices.Sorted(slices.Values(run.verdicts.Red))
	if !slices.Equal(got, want) {
		return fmt.Sprintf("%s fail, and %s should:\n%s", list(got), list(want), run.log)
	}
	for name, texts := range f.red {
		for _, words := range texts {
			if words = strings.ReplaceAll(words, "BACKEND", backend); !says(run.log, name, words) {
				return fmt.Sprintf("the text of %s does not say %q:\n%s", name, words, run.log)
			}
		}
	}
	return ""
}

// says looks for words in k6's lines on a verdict that failed.
func says(log, name, words string) bool {
	for line := range strings.Lines(log) {
		if strings.Contains(line, "verdict "+name+" failed in ") && strings.Contains(line, words) {
			return true
		}
	}
	return false
}
