//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// own begins the names of all that a lab makes outside of its namespaces, and of these: its process number follows.
const own = "mclab-"

// ownName is the name for something that this lab makes.
func ownName(name string) string { return fmt.Sprintf("%s%d-%s", own, os.Getpid(), name) }

var ownPattern = regexp.MustCompile(`^` + own + `(\d+)-`)

// removeLeftovers removes what labs that were killed (kill -9) have left: namespaces, files in /dev/shm, temporary directories. The kernel has ended
// their processes, and with these their XDP programs.
func removeLeftovers() {
	for _, directory := range []string{"/run/netns", "/dev/shm", os.TempDir()} {
		found, _ := filepath.Glob(filepath.Join(directory, own+"*")) // the pattern is a constant
		for _, path := range found {
			name := filepath.Base(path)
			owner := ownPattern.FindStringSubmatch(name)
			if owner == nil || runs(owner[1]) {
				continue
			}
			var err error
			if directory == "/run/netns" {
				err = (&namespace{name}).close()
			} else {
				err = os.RemoveAll(path)
			}
			if _, still := os.Lstat(path); err != nil && still == nil { // another lab may have been quicker
				fmt.Fprintln(os.Stderr, "lab: what an earlier run has left:", err)
			}
		}
	}
}

// runs says whether there is a process of this number. It may be another than the one that made something, which then stays for a later run.
func runs(pid string) bool {
	_, err := os.Stat("/proc/" + pid)
	return err == nil
}
