//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// An initramfs is the root file system that a kernel unpacks into memory when it boots: a cpio archive in the format newc (the
// kernel's Documentation/driver-api/early-userspace/buffer-format.rst).
type initramfs struct {
	out    *bufio.Writer
	offset int64
	inode  int
	has    map[string]bool
	err    error // the first; nothing is written after it
}

func newInitramfs(out io.Writer) *initramfs {
	return &initramfs{out: bufio.NewWriterSize(out, 1<<20), has: map[string]bool{"/": true}}
}

// close writes the end of the archive.
func (a *initramfs) close() error {
	a.entry("TRAILER!!!", 0, 0, 0, nil)
	return errors.Join(a.err, a.out.Flush())
}

// file adds a file of this machine, under an absolute name and with what a link leads to.
func (a *initramfs) file(name, source string) {
	file, err := os.Open(source) // #nosec G304 -- what the user, or ldd, names
	if err != nil {
		a.fail(err)
		return
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		a.fail(err)
		return
	}
	a.put(name, unix.S_IFREG|uint32(info.Mode().Perm()), 0, info.Size(), file)
}

// text adds a file with this content.
func (a *initramfs) text(name, content string) {
	a.put(name, unix.S_IFREG|0o644, 0, int64(len(content)), strings.NewReader(content))
}

// directory adds an empty directory.
func (a *initramfs) directory(name string) { a.put(name, unix.S_IFDIR|0o755, 0, 0, nil) }

// device adds a character device.
func (a *initramfs) device(name string, major, minor uint32) {
	a.put(name, unix.S_IFCHR|0o666, unix.Mkdev(major, minor), 0, nil)
}

// program adds a program of this machine's PATH, with the libraries that it needs.
func (a *initramfs) program(name, program string) {
	source, err := exec.LookPath(program)
	if err != nil {
		a.fail(err)
		return
	}
	a.file(name, source)
	output, err := exec.Command("ldd", source).CombinedOutput() // #nosec G204 -- a program of the lab's own list
	if err != nil && !strings.Contains(string(output), "not a dynamic executable") {
		a.fail(fmt.Errorf("ldd %s: %w: %s", source, err, output))
		return
	}
	for word := range strings.FieldsSeq(string(output)) {
		if path.IsAbs(word) {
			a.file(word, word)
		}
	}
}

// put adds an entry, and the directories above it. One that is there already stays.
func (a *initramfs) put(name string, mode uint32, device uint64, size int64, content io.Reader) {
	if a.has[name] {
		return
	}
	if parent := path.Dir(name); !a.has[parent] {
		a.directory(parent)
	}
	a.has[name] = true
	a.entry(strings.TrimPrefix(name, "/"), mode, device, size, content)
}

func (a *initramfs) entry(name string, mode uint32, device uint64, size int64, content io.Reader) {
	a.inode++
	// Inode, mode, owner, group, links, time, size, the device that it is on, the device that it is, length of the name, checksum.
	a.write(strings.NewReader(fmt.Sprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		a.inode, mode, 0, 0, 1, 0, size, 0, 0, unix.Major(device), unix.Minor(device), len(name)+1, 0, name)))
	a.pad()
	if content != nil {
		a.write(io.LimitReader(content, size))
		a.pad()
	}
}

// pad aligns what comes next to four bytes.
func (a *initramfs) pad() { a.write(strings.NewReader("\x00\x00\x00"[:-a.offset&3])) }

func (a *initramfs) write(content io.Reader) {
	if a.err != nil {
		return
	}
	n, err := io.Copy(a.out, content)
	a.offset += n
	a.fail(err)
}

func (a *initramfs) fail(err error) {
	if a.err == nil {
		a.err = err
	}
}

// modules adds those kernel modules below a directory that the lab uses, with what they depend on, and what modprobe reads.
func (a *initramfs) modules(root, version string) {
	directory := filepath.Join("/lib/modules", version)
	for _, name := range []string{"modules.dep", "modules.dep.bin", "modules.alias", "modules.alias.bin", "modules.builtin", "modules.builtin.bin", "modules.softdep", "modules.symbols.bin"} {
		a.file(filepath.Join(directory, name), filepath.Join(root, directory, name))
	}
	dependencies, err := os.ReadFile(filepath.Join(root, directory, "modules.dep")) // #nosec G304 -- of the kernel that the user names
	if err != nil {
		a.fail(err)
		return
	}
	for line := range strings.Lines(string(dependencies)) {
		module, needs, _ := strings.Cut(strings.TrimSpace(line), ":")
		if !slices.ContainsFunc(usedModules, func(prefix string) bool { return strings.HasPrefix(module, prefix) }) {
			continue
		}
		for _, file := range append(strings.Fields(needs), module) {
			a.file(filepath.Join(directory, file), filepath.Join(root, directory, file))
		}
	}
}

// usedModules are what the lab uses of the kernel, besides what is built in. The kernel loads most of it by itself when it is asked for.
var usedModules = []string{
	"kernel/net/", "kernel/drivers/net/veth.", "kernel/drivers/virtio/virtio_pci.", "kernel/drivers/char/virtio_console.", "kernel/drivers/char/hw_random/virtio-rng.",
}
