package main

import (
	"fmt"
	"runtime"
)

// machine is what the numbers were measured on.
type machine struct {
	Cores  int    `json:"cores"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
	Arch   string `json:"arch"`
	Load   string `json:"load,omitempty"` // average before the bench began: what else the machine had to do
}

func thisMachine() machine {
	return machine{Cores: runtime.NumCPU(), Kernel: kernel(), Go: runtime.Version(), Arch: runtime.GOARCH, Load: load()}
}

// String implements fmt.Stringer.
func (m machine) String() string {
	text := fmt.Sprintf("%d cores (%s), %s, %s", m.Cores, m.Arch, m.Kernel, m.Go)
	if m.Load != "" {
		text += ", load average before " + m.Load
	}
	return text
}
