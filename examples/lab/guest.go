//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// What the virtual machine consists of. The lab's own binary is its first process.
const (
	guestInit      = "/init"
	guestLab       = "/bin/lab"
	guestK6        = "/bin/k6"
	guestServer    = "/bin/mconnect-server"
	guestFlagsFile = "/flags.json" // of the lab that runs in it
)

// Ports between the machine and its host, by number.
const (
	outPort    = iota + 1 // the lab's standard output
	errPort               // and standard error
	statusPort            // guestUp, and at the end guestExit with the lab's exit code
)

const (
	guestUp   = "up"
	guestExit = "exit %d"
)

// runGuest is the first process of the virtual machine: it runs the lab, and turns the machine off.
func runGuest() {
	if err := guest(); err != nil {
		fmt.Println("lab: the virtual machine:", err) // on its console
	}
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART) // qemu ends then
	select {}
}

func guest() error {
	if err := mountGuest(); err != nil {
		return err
	}
	for _, module := range []string{"virtio_pci", "virtio_console", "virtio_rng"} {
		if err := run("", "/sbin/modprobe", module); err != nil {
			return err
		}
	}
	ports := make([]*os.File, statusPort+1)
	for number := outPort; number <= statusPort; number++ {
		var err error
		if ports[number], err = openPort(number); err != nil {
			return err
		}
	}
	fmt.Fprintln(ports[statusPort], guestUp)
	code, err := guestRun(ports[outPort], ports[errPort])
	if err != nil {
		return err
	}
	fmt.Fprintf(ports[statusPort], guestExit+"\n", code)
	return nil
}

// guestRun runs the lab and returns its exit code.
func guestRun(stdout, stderr *os.File) (code int, err error) {
	text, err := os.ReadFile(guestFlagsFile)
	if err != nil {
		return 0, err
	}
	var flags []string
	if err := json.Unmarshal(text, &flags); err != nil {
		return 0, err
	}
	const files = 1 << 18
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: files, Max: files}); err != nil {
		return 0, err
	}
	cmd := exec.Command(guestLab, slices.Concat(flags, []string{"-k6=" + guestK6, "-server=" + guestServer})...) // #nosec G204 -- the lab itself
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.Env = []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/",
		"GOGC=400", // there is memory, and an emulated processor has no time to collect garbage
	}
	err = cmd.Run()
	if ended := (&exec.ExitError{}); errors.As(err, &ended) {
		return ended.ExitCode(), nil
	}
	return 0, err
}

func mountGuest() error {
	for _, m := range []struct{ kind, path string }{
		{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/dev/shm"}, {"tmpfs", "/run"}, {"tmpfs", "/tmp"},
	} {
		if err := os.MkdirAll(m.path, 0o755); err != nil { // #nosec G301 -- as everywhere
			return err
		}
		if err := unix.Mount(m.kind, m.path, m.kind, 0, ""); err != nil {
			return fmt.Errorf("mounting %s: %w", m.path, err)
		}
	}
	return nil
}

// openPort opens a port to the host, which appears some time after its driver was loaded.
func openPort(number int) (*os.File, error) {
	const patience = 10 * time.Second
	pattern := fmt.Sprintf("/dev/vport*p%d", number) // of whichever device
	for started := time.Now(); time.Since(started) < patience; time.Sleep(10 * time.Millisecond) {
		if found, _ := filepath.Glob(pattern); len(found) == 1 {
			return os.OpenFile(found[0], os.O_WRONLY, 0)
		}
	}
	return nil, fmt.Errorf("there is no %s", pattern)
}
