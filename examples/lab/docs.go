//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// A document has a place for the results of a run: the lines between these two.
const (
	docsBegin = "<!-- make lab writes this: %s -->\n"
	docsEnd   = "<!-- until here -->\n"
)

// A place in the document.
const (
	hostResults = "host"
	vmResults   = "vm"
)

// place is where the results of this run belong.
func (s *settings) place() string {
	if s.vm != nil {
		return vmResults
	}
	return hostResults
}

// writeDocs puts what is known of a run into the file.
func (s *settings) writeDocs(t *table, failed bool, took time.Duration) error {
	if failed || t.failures > 0 {
		return fmt.Errorf("%s stays as it is: not all is as it should be, and %d rows are outside of their tolerances", s.docs, t.failures)
	}
	kernel, err := s.kernel()
	if err != nil {
		return err
	}
	flags := slices.DeleteFunc(slices.Clone(os.Args[1:]), func(flag string) bool { return strings.Contains(flag, s.docs) || strings.TrimLeft(flag, "-") == "docs" })
	var text bytes.Buffer
	command := "make lab"
	if len(flags) > 0 {
		command += fmt.Sprintf(" LAB='%s'", strings.Join(flags, " "))
	}
	fmt.Fprintf(&text, "One run of `%s`, Linux %s, %s: %d rows, all within their tolerances.\n", command, kernel, took.Round(time.Minute), len(t.rows)+t.faults)
	summary(&text, t.inOrder())
	old, err := os.ReadFile(s.docs)
	if err != nil {
		return err
	}
	updated, err := replacePlace(string(old), s.place(), text.String())
	if err != nil {
		return fmt.Errorf("%s: %w", s.docs, err)
	}
	return os.WriteFile(s.docs, []byte(updated), 0o644) // #nosec G306 G703 -- a document, which the user names
}

// replacePlace replaces what a document has at a place.
func replacePlace(document, place, text string) (string, error) {
	begin := fmt.Sprintf(docsBegin, place)
	before, rest, found := strings.Cut(document, begin)
	if !found {
		return "", fmt.Errorf("there is no line %q", strings.TrimSpace(begin))
	}
	_, after, found := strings.Cut(rest, docsEnd)
	if !found {
		return "", fmt.Errorf("there is no line %q after %q", strings.TrimSpace(docsEnd), strings.TrimSpace(begin))
	}
	return before + begin + "\n" + strings.TrimSpace(text) + "\n\n" + docsEnd + after, nil
}

// kernel is the release of the kernel that load balancers run on.
func (s *settings) kernel() (string, error) {
	if s.vm != nil {
		_, version, err := s.vm.find()
		return version + " in a virtual machine", err
	}
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	return strings.TrimSpace(string(release)), err
}
