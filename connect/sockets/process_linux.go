package sockets

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// So many entries of a directory are read at a time.
const entriesAtOnce = 512

// process is what /proc tells about one (proc_pid_fd(5), proc_pid_limits(5)).
type process struct {
	fds    int64
	limit  *int64   // nil where there is none
	inodes []uint32 // of its sockets, sorted
}

func readProcess(pid int) (*process, error) {
	if err := checkNamespace(pid); err != nil {
		return nil, err
	}
	p := &process{}
	err := eachDescriptor(pid, func(_ string, inode uint32) bool {
		p.fds++
		if inode != 0 {
			p.inodes = append(p.inodes, inode)
		}
		return true
	})
	if err != nil {
		return nil, processError(err)
	}
	slices.Sort(p.inodes)
	p.limit = readLimit(pid)
	return p, nil
}

// eachDescriptor calls visit for each open descriptor, with the inode of its socket, or 0, until it returns false.
func eachDescriptor(pid int, visit func(fd string, inode uint32) bool) error {
	dir, err := os.Open(procPath(pid, "fd"))
	if err != nil {
		return err //nolint:wrapcheck // says what was opened
	}
	defer dir.Close()
	var link [64]byte
	own := ""
	if pid == os.Getpid() {
		own = strconv.FormatUint(uint64(dir.Fd()), 10) // this very directory
	}
	for {
		names, err := dir.Readdirnames(entriesAtOnce)
		for _, fd := range names {
			if fd == own {
				continue
			}
			n, err := unix.Readlinkat(int(dir.Fd()), fd, link[:]) // #nosec G115 -- descriptors are 32 bits wide
			if errors.Is(err, unix.ENOENT) {
				continue // closed since
			}
			if !visit(fd, socketInode(link[:max(n, 0)])) {
				return nil
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err //nolint:wrapcheck // says what was read
		}
	}
}

// countDescriptors is how many descriptors a process has open.
func countDescriptors(pid int) (n int64, err error) {
	// Since Linux 6.2 the directory's size tells, which saves reading it.
	if info, err := os.Stat(procPath(pid, "fd")); err == nil && info.Size() > 0 {
		return info.Size(), nil
	}
	err = eachDescriptor(pid, func(string, uint32) bool { n++; return true })
	return n, err
}

// socketInode is the number in a link such as socket:[12345]; 0 for anything else.
func socketInode(link []byte) uint32 {
	number, ok := bytes.CutPrefix(link, []byte("socket:["))
	if !ok {
		return 0
	}
	number, ok = bytes.CutSuffix(number, []byte("]"))
	if !ok {
		return 0
	}
	inode, err := strconv.ParseUint(string(number), 10, 32)
	if err != nil {
		return 0
	}
	return uint32(inode)
}

// readLimit is the soft limit of descriptors, which is the one that binds.
func readLimit(pid int) *int64 {
	text, err := os.ReadFile(procPath(pid, "limits"))
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		values, ok := strings.CutPrefix(line, "Max open files")
		if !ok {
			continue
		}
		soft, _, _ := strings.Cut(strings.TrimSpace(values), " ")
		if limit, err := strconv.ParseInt(soft, 10, 64); err == nil {
			return &limit
		}
	}
	return nil
}

// checkNamespace refuses a process whose sockets the kernel would not show here, rather than counting none.
func checkNamespace(pid int) error {
	theirs, err := os.Readlink(procPath(pid, "ns/net"))
	if err != nil {
		return nil //nolint:nilerr // who may not see that will learn so from its descriptors
	}
	ours, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil || ours == theirs {
		return nil //nolint:nilerr // cannot tell
	}
	return fmt.Errorf("process %d is in another network namespace (%s, this is %s): run this there (nsenter -t %d -n), "+
		"or run mconnect-server -http there and ask it", pid, theirs, ours, pid)
}

// processError adds what to do to an error that says what was read.
func processError(err error) error {
	switch {
	case errors.Is(err, unix.ESRCH): // has ended meanwhile
		return fmt.Errorf("%w (%w): the process has ended", err, fs.ErrNotExist)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: no process has that number here; inside a container they differ from those outside", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: run as the user of the process, or as root (CAP_SYS_PTRACE)", err)
	}
	return err
}

func procPath(pid int, name string) string { return "/proc/" + strconv.Itoa(pid) + "/" + name }
