package frames

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/cilium/ebpf"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

// Values of local addresses.
const (
	localTake   = 1 // packets
	localAnswer = 2 // and questions who has it
)

const (
	mostLocals  = 1 << 16
	mostRemotes = 1 << 16
	portWords   = 1 << 10 // of 64 bits, one for each port
	addressBits = 128     // IPv4 is mapped to IPv6
)

// table is what the program looks packets up in, and how many filters ask for each entry.
type table struct {
	anyRemote              bool
	locals, ports, remotes *ebpf.Map

	localUsers  map[Local]int
	remoteUsers map[netip.AddrPort]int
	portUsers   [1 << 16]int32
	portBits    [portWords]uint64
}

func newTable(anyRemote bool) (t *table, err error) {
	t = &table{anyRemote: anyRemote, localUsers: map[Local]int{}, remoteUsers: map[netip.AddrPort]int{}}
	const noPrealloc = 1 // BPF_F_NO_PREALLOC, which tries want
	for _, m := range []struct {
		to   **ebpf.Map
		spec ebpf.MapSpec
	}{
		{&t.locals, ebpf.MapSpec{Name: "mconnect_locals", Type: ebpf.LPMTrie, KeySize: 20, ValueSize: 4, MaxEntries: mostLocals, Flags: noPrealloc}},
		{&t.ports, ebpf.MapSpec{Name: "mconnect_ports", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: portWords}},
		{&t.remotes, ebpf.MapSpec{Name: "mconnect_remote", Type: ebpf.Hash, KeySize: 20, ValueSize: 4, MaxEntries: mostRemotes, Flags: noPrealloc}},
	} {
		if *m.to, err = ebpf.NewMap(&m.spec); err != nil {
			t.close()
			return nil, fmt.Errorf("making a BPF map: %w", err)
		}
	}
	return t, nil
}

func (t *table) close() {
	for _, m := range []*ebpf.Map{t.locals, t.ports, t.remotes} {
		if m != nil {
			_ = m.Close()
		}
	}
}

// Take implements Device.
func (t *table) Take(f *Filter) error {
	if err := t.change(f, 1); err != nil {
		t.Leave(f)
		return fmt.Errorf("writing the filter of packets: %w", err)
	}
	return nil
}

// Leave implements Device.
func (t *table) Leave(f *Filter) { _ = t.change(f, -1) }

// change counts one user of the filter's entries more, or one fewer, and writes those that are new or gone. It goes on after an error.
func (t *table) change(f *Filter, by int) (first error) {
	keep := func(err error) {
		if first == nil {
			first = err
		}
	}
	for _, l := range f.Locals {
		if used(t.localUsers, l, by) {
			keep(t.setLocal(l, by > 0))
		}
	}
	for _, r := range f.Remotes {
		if used(t.remoteUsers, r, by) {
			keep(t.setRemote(r, by > 0))
		}
	}
	keep(t.changePorts(f.Ports, by))
	return first
}

// changePorts writes all words of bits that have changed at once: a call may take all ports there are.
func (t *table) changePorts(ranges []source.Ports, by int) error {
	before := t.portBits
	for _, p := range ranges {
		for port := int(p.First); port <= int(p.Last); port++ {
			users := &t.portUsers[port]
			*users = max(*users+int32(by), 0) // #nosec G115 -- 1 or -1
			t.portBits[port/64] &^= 1 << (port % 64)
			if *users > 0 {
				t.portBits[port/64] |= 1 << (port % 64)
			}
		}
	}
	var words []uint32
	var bits []uint64
	for i := range t.portBits {
		if t.portBits[i] != before[i] {
			words, bits = append(words, uint32(i)), append(bits, t.portBits[i]) // #nosec G115 -- fewer than portWords
		}
	}
	if len(words) == 0 {
		return nil
	}
	_, err := t.ports.BatchUpdate(words, bits, nil)
	return err //nolint:wrapcheck // by the caller
}

// used changes the number of an entry's users. It reports whether the entry is new, or gone.
func used[K comparable](users map[K]int, key K, by int) (changed bool) {
	before := users[key]
	users[key] = before + by
	if before+by <= 0 {
		delete(users, key)
	}
	return before == 0 && by > 0 || before == 1 && by < 0
}

func (t *table) setLocal(l Local, there bool) error {
	var key [20]byte
	bits := l.Prefix.Bits() + addressBits - l.Prefix.Addr().BitLen()
	binary.NativeEndian.PutUint32(key[:], uint32(bits)) // #nosec G115 -- 0 to 128
	addr := l.Prefix.Addr().As16()
	copy(key[4:], addr[:])
	if !there {
		return t.locals.Delete(key)
	}
	value := uint32(localTake)
	if l.Answer {
		value = localAnswer
	}
	return t.locals.Put(key, value)
}

func (t *table) setRemote(r netip.AddrPort, there bool) (err error) {
	for _, protocol := range []byte{6, 17} {
		var key [20]byte
		addr := r.Addr().As16()
		copy(key[:], addr[:])
		binary.BigEndian.PutUint16(key[16:], r.Port())
		key[18] = protocol
		if there {
			err = t.remotes.Put(key, uint32(1))
		} else {
			err = t.remotes.Delete(key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
