//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// met is how a fault comes to a script that knows nothing of the lab and only makes new connections, such as the README's. The script expects all
// backends but the last, which is not in use.
type met struct {
	inject func(l *lab) error // nil for the fault's own
	// while makes it happen again and again as long as the script runs.
	while bool
	// says has words that the script's last lines must have, by verdict. Others may fail, too.
	says map[string][]string
}

// pulse is how often something happens that happens again and again.
const pulse = 5 * time.Millisecond

// An ownRun is a user's script that has ended.
type ownRun struct {
	code int
	log  string
}

// runOwn runs the user's script in the client's namespace. meanwhile is called again and again until it has ended, if there is one.
func (l *lab) runOwn(ctx context.Context, meanwhile func() error) (*ownRun, error) {
	var log bytes.Buffer
	k6, err := l.network.client.start(ctx, func(cmd *exec.Cmd) {
		cmd.Stderr = &log
		cmd.Env = append(os.Environ(), "K6_NO_USAGE_REPORT=true")
	}, l.k6, "run", "--quiet", "--no-color", "--log-format", "raw", "--summary-mode", "disabled", l.script)
	if err != nil {
		return nil, err
	}
	for ended := false; !ended; {
		tick := time.After(pulse)
		if meanwhile == nil {
			tick = nil
		}
		select {
		case <-k6.ended:
			ended = true
		case <-tick:
			err = meanwhile()
			if err != nil {
				k6.kill()
			}
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return &ownRun{k6.cmd.ProcessState.ExitCode(), log.String()}, err
}

// startOwn makes a network whose last backend is not in use.
func startOwn(s *settings, k *kind, results *table) (*lab, error) {
	l, err := startLab(s, k, results)
	if err != nil {
		return nil, err
	}
	if err := l.drain(l.last()); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// soundOwn runs the user's script so many times while all is well. The complaint is "" if it is content with that.
func (l *lab) soundOwn(ctx context.Context) (complaint string, err error) {
	for i := range l.runs {
		run, err := l.runOwn(ctx, nil)
		if err != nil {
			return "", err
		}
		if run.code != 0 {
			return fmt.Sprintf("with nothing broken it exits with %d in run %d of %d:\n%s", run.code, i+1, l.runs, run.log), nil
		}
	}
	return "", nil
}

// passOwn runs the user's script against a load balancer with which all is well.
func (k *kind) passOwn(ctx context.Context, s *settings, results *table) (failed bool, err error) {
	l, err := startOwn(s, k, results)
	if err != nil {
		return false, err
	}
	defer l.close()
	complaint, err := l.soundOwn(ctx)
	if err == nil {
		results.addOwn("none", "", k, complaint)
	}
	return complaint != "", err
}

// failOwn runs the user's script without the fault, and with it.
func (f *fault) failOwn(ctx context.Context, s *settings, results *table) (failed bool, err error) {
	l, err := startOwn(s, f.kind, results)
	if err != nil {
		return false, err
	}
	defer l.close()
	complaint, err := l.soundOwn(ctx)
	if err != nil {
		return false, err
	}
	if complaint == "" {
		if complaint, err = f.breakOwn(ctx, l); err != nil {
			return false, err
		}
	}
	results.addOwn(f.name, f.does, f.kind, complaint)
	return complaint != "", nil
}

// breakOwn runs the user's script once the fault is there. The complaint is "" if the script fails, and says why.
func (f *fault) breakOwn(ctx context.Context, l *lab) (complaint string, err error) {
	inject := f.own.inject
	if inject == nil {
		inject = f.inject
	}
	var meanwhile func() error
	if f.own.while {
		meanwhile = func() error { return inject(l) }
	} else if err := inject(l); err != nil {
		return "", err
	}
	run, err := l.runOwn(ctx, meanwhile)
	if err != nil {
		return "", err
	}
	if l.verbose {
		fmt.Fprintf(os.Stderr, "%s: exit code %d\n%s\n", f.name, run.code, run.log)
	}
	return f.judgeOwn(run), nil
}

// judgeOwn says what is wrong with the end of a script that has met the fault, "" if nothing is.
func (f *fault) judgeOwn(run *ownRun) string {
	if run.code != thresholdsFailed {
		return fmt.Sprintf("it exits with %d, and should with %d:\n%s", run.code, thresholdsFailed, run.log)
	}
	for verdict, texts := range f.own.says {
		for _, words := range texts {
			if !says(run.log, verdict, words) {
				return fmt.Sprintf("no last line on %s says %q:\n%s", verdict, words, run.log)
			}
		}
	}
	return ""
}

// runScript tries the user's script with the load balancers and faults that flags speak of: it must pass with those, and fail with these.
func (s *settings) runScript(ctx context.Context, results *table) (failed bool, err error) {
	for _, k := range possible(kinds, s.balancers, func(k *kind) string { return k.missing() }, results) {
		bad, err := k.passOwn(ctx, s, results)
		failed = failed || bad
		if err != nil {
			return failed, fmt.Errorf("%s: %w", k.name, err)
		}
	}
	unmet := func(f *fault) string {
		if f.own == nil {
			return "new connections alone do not meet them"
		}
		return f.missing()
	}
	for _, f := range possible(faults, s.faults, unmet, results) {
		bad, err := f.failOwn(ctx, s, results)
		failed = failed || bad
		if err != nil {
			return failed, fmt.Errorf("fault %s: %w", f.name, err)
		}
	}
	return failed, nil
}

// addOwn tells how a user's script did; a complaint goes to standard error.
func (t *table) addOwn(name, does string, k *kind, complaint string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begins(ownFormat, "|---|---|---|---|", "fault", "what is broken", "load balancer", "")
	fmt.Fprintf(t.out, ownFormat, name, does, k.name, okOrNot(complaint == ""))
	if complaint != "" {
		fmt.Fprintf(os.Stderr, "%s, %s: %s\n", name, k.name, strings.TrimSpace(complaint))
	}
}

const ownFormat = "| %-14s | %-79s | %-15s | %-3s |\n"
