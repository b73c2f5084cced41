//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// missing says what the lab needs and this machine lacks.
func (s *settings) missing() error {
	// Debian has the tools where only root's login shell looks for them.
	if err := os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin"); err != nil {
		return err
	}
	var missing []error
	if os.Geteuid() != 0 {
		missing = append(missing, errors.New("network namespaces need root: run it with sudo, or in a privileged container"))
	}
	if s.servers < 3 || s.servers > 100 {
		missing = append(missing, fmt.Errorf("-servers %d: want 3 to 100", s.servers))
	}
	if s.rate < s.connections {
		missing = append(missing, fmt.Errorf("-rate %d: want %d or more: without a packet of 1 KB a second, some of %d connections have sent none when backends change", s.rate, s.connections, s.connections))
	}
	if s.runs < 0 {
		missing = append(missing, fmt.Errorf("-runs %d: want 0 or more", s.runs))
	}
	for _, program := range []struct{ path, advice string }{
		{"ip", "install iproute2 (`make test-deps` does)"},
		{"nft", "install nftables (`make test-deps` does)"},
		{s.k6, "run `make build`, or say where it is with -k6"},
		{s.server, "run `make build`, or say where it is with -server"},
	} {
		if _, err := exec.LookPath(program.path); err != nil {
			missing = append(missing, fmt.Errorf("%s is missing: %s", program.path, program.advice))
		}
	}
	return errors.Join(missing...)
}

// noTool is what a load balancer lacks that is a program of its own.
func noTool(name, advice string) string {
	if _, err := exec.LookPath(name); err != nil {
		return name + " is missing: " + advice
	}
	return ""
}
