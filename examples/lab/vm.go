//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A vm runs the lab in virtual machines, for what this machine's kernel lacks. It has this machine's tools and a kernel of Debian's, all of it in
// memory, and nothing of it is left when the lab ends. Emulated, a machine has one processor, so several of them run side by side.
type vm struct {
	kernel     string // directory with boot/vmlinuz-* and lib/modules
	limit      time.Duration
	k6, server string
	parts      [][]string // flags that say what the lab in each machine runs
	flags      []string   // of all of these labs
	slower     sync.Once  // says that there is no KVM
}

const qemu = "qemu-system-x86_64"

// guestTools are copied from this machine, where it has them. The lab says in the machine which it lacks.
var guestTools = []string{"ip", "nft", "tc", "ipvsadm", "conntrack", "haproxy", "nfqlb"}

const guestMemory = "3G"

// A machine has as much time to boot. Hardware help that is there in name only is found out by that.
const (
	bootFast = 15 * time.Second
	bootSlow = 10 * time.Minute // of a busy host
)

// errNoBoot is that of a machine that never ran the lab.
var errNoBoot = errors.New("it does not boot")

// run runs the lab in the machines: with the processor's help (KVM) where there is any and it works, else in software.
func (v *vm) run(ctx context.Context, results *table) (failed bool, err error) {
	if err := v.missing(); err != nil {
		return false, err
	}
	directory, err := os.MkdirTemp("", ownName("vm-"))
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(directory)
	ctx, cancel := context.WithTimeoutCause(ctx, v.limit, fmt.Errorf("the virtual machine was not done after %s: run less in it, or give it more time with -limit", v.limit))
	defer cancel()
	bad, errs := make([]bool, len(v.parts)), make([]error, len(v.parts))
	var all sync.WaitGroup
	for i, part := range v.parts {
		all.Go(func() {
			image := filepath.Join(directory, fmt.Sprint("initramfs-", i+1))
			bad[i], errs[i] = v.runPart(ctx, part, image, results)
			if errs[i] != nil {
				cancel() // of no use without this one
			}
		})
	}
	all.Wait()
	return slices.Contains(bad, true), errors.Join(errs...)
}

// runPart runs one of the machines.
func (v *vm) runPart(ctx context.Context, part []string, image string, results *table) (failed bool, err error) {
	kernel, err := v.build(image, part)
	if err != nil {
		return false, fmt.Errorf("the virtual machine's initramfs: %w", err)
	}
	if usable("/dev/kvm") {
		failed, err = v.boot(ctx, results, kernel, image, bootFast, "-accel", "kvm", "-cpu", "host", "-smp", strconv.Itoa(runtime.NumCPU()))
		if !errors.Is(err, errNoBoot) {
			return failed, err
		}
		v.slower.Do(func() {
			fmt.Fprintln(os.Stderr, "lab: the virtual machine goes on without KVM, some ten times slower:", err)
		})
	}
	return v.boot(ctx, results, kernel, image, bootSlow, "-accel", "tcg", "-cpu", "qemu64", "-icount", "shift=0,sleep=off", "-rtc", "clock=vm")
}

// usable says whether a device can be opened.
func usable(device string) bool {
	file, err := os.OpenFile(device, os.O_RDWR, 0) // #nosec G304 -- a constant
	if err != nil {
		return false
	}
	return file.Close() == nil
}

// missing says what the virtual machine needs and this machine lacks.
func (v *vm) missing() error {
	if err := os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin"); err != nil {
		return err
	}
	var missing []error
	if slices.ContainsFunc(v.flags, func(flag string) bool { return strings.HasPrefix(flag, "-script=") }) {
		missing = append(missing, errors.New("-script: the virtual machine has the lab's own scripts only; leave out -vm"))
	}
	if runtime.GOARCH != "amd64" {
		missing = append(missing, fmt.Errorf("-vm: this machine is %s, and the virtual machine runs its programs on amd64", runtime.GOARCH))
	}
	for _, program := range []struct{ path, advice string }{
		{qemu, "install qemu-system-x86 (`make vm-deps` does)"},
		{"modprobe", "install kmod (`make vm-deps` does)"},
		{v.k6, "run `make build`, or say where it is with -k6"},
		{v.server, "run `make build`, or say where it is with -server"},
	} {
		if _, err := exec.LookPath(program.path); err != nil {
			missing = append(missing, fmt.Errorf("%s is missing: %s", program.path, program.advice))
		}
	}
	if _, _, err := v.find(); err != nil {
		missing = append(missing, err)
	}
	return errors.Join(missing...)
}

// find returns the kernel and its version.
func (v *vm) find() (kernel, version string, err error) {
	const prefix = "vmlinuz-"
	found, err := filepath.Glob(filepath.Join(v.kernel, "boot", prefix+"*"))
	if err != nil || len(found) != 1 {
		return "", "", fmt.Errorf("%s/boot has %d kernels, and one is needed: `make vm-deps` gets Debian's, or say with -kernel where one is", v.kernel, len(found))
	}
	return found[0], strings.TrimPrefix(filepath.Base(found[0]), prefix), nil
}

// build writes a machine's root file system, and returns its kernel.
func (v *vm) build(image string, part []string) (kernel string, err error) {
	kernel, version, err := v.find()
	if err != nil {
		return "", err
	}
	lab, err := os.Executable()
	if err != nil {
		return "", err
	}
	flags, err := json.Marshal(slices.Concat(part, v.flags))
	if err != nil {
		return "", err
	}
	scripts, err := filepath.Glob("examples/lab/*.js")
	if err != nil {
		return "", err
	}
	file, err := os.Create(image) // #nosec G304 -- in a directory of our own
	if err != nil {
		return "", err
	}
	root := newInitramfs(file)
	root.device("/dev/console", 5, 1) // before there is a devtmpfs
	root.device("/dev/null", 1, 3)
	root.text(guestFlagsFile, string(flags))
	for name, source := range map[string]string{guestInit: lab, guestLab: lab, guestK6: v.k6, guestServer: v.server} {
		root.file(name, source)
	}
	for _, script := range scripts {
		root.file("/"+script, script)
	}
	root.modules(v.kernel, version)
	root.program("/sbin/modprobe", "modprobe") // the kernel's own name for it
	for _, tool := range guestTools {
		if _, err := exec.LookPath(tool); err == nil {
			root.program("/bin/"+tool, tool)
		}
	}
	return kernel, errors.Join(root.close(), file.Close())
}

// boot runs the machine until its lab is done.
func (v *vm) boot(ctx context.Context, results *table, kernel, image string, patience time.Duration, processor ...string) (failed bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slow := time.AfterFunc(patience, func() { cancel(fmt.Errorf("%w within %s", errNoBoot, patience)) })
	defer slow.Stop()

	ports, err := openGuestPorts()
	if err != nil {
		return false, err
	}
	defer ports.close()
	var console bytes.Buffer
	machine, err := host.start(ctx, func(cmd *exec.Cmd) {
		cmd.Stdout, cmd.ExtraFiles = &console, ports.writers
	}, slices.Concat([]string{
		qemu, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-m", guestMemory, "-kernel", kernel, "-initrd", image,
		"-append", "console=ttyS0 quiet panic=-1 mitigations=off", "-serial", "stdio",
		"-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
	}, ports.flags(), processor)...)
	if err != nil {
		return false, err
	}
	up, code := ports.read(results, func() { slow.Stop() })
	<-machine.ended
	switch {
	case context.Cause(ctx) != nil:
		return false, context.Cause(ctx)
	case !up:
		return false, fmt.Errorf("%w:\n%s%s", errNoBoot, &machine.stderr, &console)
	case code < 0:
		return false, fmt.Errorf("the virtual machine ended before its lab did:\n%s%s", &machine.stderr, &console)
	}
	return code != 0, nil
}

// guestPorts are the ports of the machine as its host has them: pipes, of which qemu has the other ends.
type guestPorts struct {
	readers, writers []*os.File // by the port's number, less one
}

func openGuestPorts() (*guestPorts, error) {
	p := &guestPorts{}
	for range statusPort {
		reader, writer, err := os.Pipe()
		if err != nil {
			p.close()
			return nil, err
		}
		p.readers, p.writers = append(p.readers, reader), append(p.writers, writer)
	}
	return p, nil
}

// flags are those of qemu.
func (p *guestPorts) flags() (flags []string) {
	const first = 3 // of a process' files after the standard ones
	for i := range p.writers {
		flags = append(flags,
			"-chardev", fmt.Sprintf("file,id=port%d,path=/dev/fd/%d", i+1, first+i),
			"-device", fmt.Sprintf("virtserialport,chardev=port%d,nr=%d", i+1, i+1))
	}
	return flags
}

// read passes on what the lab in the machine says, until the machine has ended. It returns whether it was up, and the lab's exit code, -1 for none.
func (p *guestPorts) read(results *table, isUp func()) (up bool, code int) {
	for _, writer := range p.writers {
		_ = writer.Close() // the machine has them
	}
	var output sync.WaitGroup
	output.Go(func() { results.receive(p.readers[outPort-1]) })
	output.Go(func() { _, _ = io.Copy(os.Stderr, p.readers[errPort-1]) })
	code = -1
	for status := bufio.NewScanner(p.readers[statusPort-1]); status.Scan(); {
		if status.Text() == guestUp {
			up = true
			isUp()
		}
		_, _ = fmt.Sscanf(status.Text(), guestExit, &code)
	}
	output.Wait()
	return up, code
}

func (p *guestPorts) close() {
	for _, file := range slices.Concat(p.readers, p.writers) {
		_ = file.Close()
	}
}
