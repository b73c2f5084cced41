package sockets

import (
	"context"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"
)

const (
	// Looking through all processes takes long, so what was found is believed for a while, if it still holds.
	believeFor = 10 * time.Second
	// Who asks for more ports than this in turn waits longer.
	mostRemembered = 64
)

// listeners remembers which process has a listening socket.
var listeners = listenerCache{found: map[uint32]holder{}}

type listenerCache struct {
	mu    sync.Mutex
	found map[uint32]holder // by inode
}

// A holder is a process and its descriptor of the socket.
type holder struct {
	pid   int // 0 if there is not exactly one that can be seen
	fd    string
	until time.Time
}

// process is the one that has the listening sockets with these inodes open; nil if there is none or several.
func (c *listenerCache) process(ctx context.Context, inodes []uint32) *process {
	if len(inodes) == 0 {
		return nil
	}
	slices.Sort(inodes)
	h := c.holder(ctx, inodes)
	if h.pid == 0 {
		return nil
	}
	fds, err := countDescriptors(h.pid)
	if err != nil {
		return nil
	}
	return &process{fds: fds, limit: readLimit(h.pid)}
}

func (c *listenerCache) holder(ctx context.Context, inodes []uint32) holder {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := inodes[0]
	if h, ok := c.found[key]; ok && time.Now().Before(h.until) && h.has(key) {
		return h
	}
	h := findHolder(ctx, inodes)
	if ctx.Err() != nil {
		return holder{}
	}
	if len(c.found) >= mostRemembered {
		clear(c.found)
	}
	h.until = time.Now().Add(believeFor)
	c.found[key] = h
	return h
}

func (h holder) has(inode uint32) bool {
	if h.pid == 0 {
		return true // nobody has
	}
	link, err := os.Readlink(procPath(h.pid, "fd/"+h.fd))
	return err == nil && socketInode([]byte(link)) == inode
}

// findHolder looks through all processes that this one may look into.
func findHolder(ctx context.Context, inodes []uint32) (only holder) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return holder{}
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if ctx.Err() != nil {
			return holder{}
		}
		fd := ""
		_ = eachDescriptor(pid, func(name string, inode uint32) bool {
			if _, held := slices.BinarySearch(inodes, inode); held {
				fd = name
			}
			return fd == "" // a process that ended meanwhile, or is hidden, has none
		})
		if fd == "" {
			continue
		}
		if only.pid != 0 {
			return holder{} // a service of several processes, which share it
		}
		only = holder{pid: pid, fd: fd}
	}
	return only
}
