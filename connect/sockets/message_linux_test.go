package sockets

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// netlink is a message as the kernel sends it.
func netlink(kind uint16, sequence uint32, payload []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(sizeofHeader+len(payload)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_MULTI)
	b = binary.NativeEndian.AppendUint32(b, sequence)
	b = append(b, 0, 0, 0, 0)
	b = append(b, payload...)
	return append(b, make([]byte, -len(b)&3)...)
}

// diag is a struct inet_diag_msg.
func diag(family, state uint8, localPort uint16, peer string, inode uint32) []byte {
	to := netip.MustParseAddrPort(peer)
	b := make([]byte, sizeofSocket)
	b[0], b[1] = family, state
	binary.BigEndian.PutUint16(b[4:], localPort)
	binary.BigEndian.PutUint16(b[6:], to.Port())
	copy(b[24:], to.Addr().AsSlice())
	binary.NativeEndian.PutUint32(b[56:], 3)
	binary.NativeEndian.PutUint32(b[60:], 128)
	binary.NativeEndian.PutUint32(b[68:], inode)
	return b
}

func code(number int32) []byte { return binary.NativeEndian.AppendUint32(nil, uint32(number)) }

func join(messages ...[]byte) (all []byte) {
	for _, m := range messages {
		all = append(all, m...)
	}
	return all
}

func TestRead(t *testing.T) {
	t.Parallel()
	const one = unix.SOCK_DIAG_BY_FAMILY
	v4 := netlink(one, 1, diag(unix.AF_INET, stateEstablished, 80, "10.0.0.1:4000", 11))
	v6 := netlink(one, 1, diag(unix.AF_INET6, stateCloseWait, 80, "[2001:db8::1]:4000", 12))
	mapped := netlink(one, 1, diag(unix.AF_INET6, stateNewSynRecv, 80, "[::ffff:10.0.0.1]:4001", 0))
	listen := netlink(one, 1, diag(unix.AF_INET, stateListen, 80, "0.0.0.0:0", 13))
	done := netlink(unix.NLMSG_DONE, 1, code(0))
	for name, row := range map[string]struct {
		query    Query
		inodes   []uint32
		datagram []byte
		want     Table
		done     bool
		message  string
	}{
		"empty":            {Query{}, nil, nil, Table{}, false, ""},
		"all":              {Query{}, nil, join(v4, v6, mapped, listen, done), Table{Established: 1, CloseWait: 1, SynRecv: 1, Listen: 1, Total: 4}, true, ""},
		"end without code": {Query{}, nil, join(v4, netlink(unix.NLMSG_DONE, 1, nil)), Table{Established: 1, Total: 1}, true, ""},
		"to be continued":  {Query{}, nil, join(v4, v4), Table{Established: 2, Total: 2}, false, ""},
		"another port":     {Query{Port: 81}, nil, join(v4, v6, listen), Table{}, false, ""},
		"by peer":          {Query{Peer: netip.MustParseAddrPort("10.0.0.1:4000")}, nil, join(v4, v6, mapped, listen), Table{Established: 1, Total: 1}, false, ""},
		"by its address":   {Query{Peer: netip.AddrPortFrom(netip.MustParseAddr("::ffff:10.0.0.1"), 0)}, nil, join(v4, v6, mapped, listen), Table{Established: 1, SynRecv: 1, Total: 2}, false, ""},
		"by its port":      {Query{Peer: netip.AddrPortFrom(netip.Addr{}, 4000)}, nil, join(v4, v6, mapped, listen), Table{Established: 1, CloseWait: 1, Total: 2}, false, ""},
		"by process":       {Query{PID: 1}, []uint32{2, 12, 13}, join(v4, v6, mapped, listen), Table{CloseWait: 1, Listen: 1, Total: 2}, false, ""},
		"process, no one":  {Query{PID: 1}, nil, join(v4, v6, mapped, listen), Table{}, false, ""},
		"earlier request":  {Query{}, nil, join(netlink(one, 7, nil), netlink(unix.NLMSG_DONE, 7, nil), v4), Table{Established: 1, Total: 1}, false, ""},
		"unknown state":    {Query{}, nil, join(netlink(one, 1, diag(unix.AF_INET, 13, 80, "10.0.0.1:1", 1)), netlink(one, 1, diag(unix.AF_INET, 255, 80, "10.0.0.1:1", 1))), Table{}, false, ""},
		"unknown kind":     {Query{}, nil, join(netlink(99, 1, nil), v4), Table{Established: 1, Total: 1}, false, ""},
		"refused":          {Query{}, nil, netlink(unix.NLMSG_ERROR, 1, code(-int32(unix.ENOENT))), Table{}, true, "no such file"},
		"failed midway":    {Query{}, nil, join(v4, netlink(unix.NLMSG_DONE, 1, code(-int32(unix.ENOMEM)))), Table{Established: 1, Total: 1}, true, "cannot allocate memory"},
		"short error":      {Query{}, nil, netlink(unix.NLMSG_ERROR, 1, nil), Table{}, true, "has no number"},
		"short header":     {Query{}, nil, join(v4, []byte{1, 2, 3}), Table{Established: 1, Total: 1}, false, "ends before its header"},
		"too long":         {Query{}, nil, v4[:len(v4)-4], Table{}, false, "says it has 88 bytes, of 84"},
		"too short":        {Query{}, nil, make([]byte, 16), Table{}, false, "says it has 0 bytes"},
		"cut socket":       {Query{}, nil, netlink(one, 1, make([]byte, sizeofSocket-1)), Table{}, false, "socket of 71 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDump(row.query)
			d.owned, d.inodes = row.query.PID != 0, row.inodes
			done, err := d.read(row.datagram, 1)
			assert.Equal(t, row.done, done)
			assert.Equal(t, row.want, d.table())
			if row.message == "" {
				assert.NoError(t, err)
				return
			}
			assert.ErrorContains(t, err, row.message)
		})
	}
}

func TestReadAllocatesNothing(t *testing.T) {
	d := newDump(Query{Peer: netip.MustParseAddrPort("[2001:db8::1]:4000")})
	one := netlink(unix.SOCK_DIAG_BY_FAMILY, 1, diag(unix.AF_INET6, stateEstablished, 80, "[2001:db8::1]:4000", 11))
	datagram := bytes.Repeat(one, 300)
	allocations := testing.AllocsPerRun(100, func() {
		if _, err := d.read(datagram, 1); err != nil {
			t.Error(err)
		}
	})
	assert.Zero(t, allocations)
	assert.Positive(t, d.table().Established)
}

func TestSocketInode(t *testing.T) {
	t.Parallel()
	for link, want := range map[string]uint32{
		"socket:[123]": 123, "socket:[4294967295]": 4294967295, "socket:[4294967296]": 0, "socket:[]": 0,
		"socket:[12": 0, "pipe:[12]": 0, "/dev/null": 0, "": 0, "socket:[-1]": 0,
	} {
		assert.Equal(t, want, socketInode([]byte(link)), link)
	}
}

func FuzzRead(f *testing.F) {
	one := netlink(unix.SOCK_DIAG_BY_FAMILY, 1, diag(unix.AF_INET6, stateListen, 80, "[::]:0", 11))
	f.Add(one)
	f.Add(join(one, netlink(unix.NLMSG_DONE, 1, code(0))))
	f.Add(netlink(unix.NLMSG_ERROR, 1, code(-2)))
	f.Add(netlink(unix.NLMSG_ERROR, 1, code(-1<<31)))
	f.Add(one[:20])
	f.Fuzz(func(t *testing.T, datagram []byte) {
		for _, q := range []Query{{}, {Port: 80}, {PID: 1}, {Peer: netip.MustParseAddrPort("[::1]:1")}} {
			d := newDump(q)
			d.owned, d.inodes = q.PID != 0, []uint32{11}
			_, err := d.read(datagram, 1)
			total := d.table().Total
			require.LessOrEqual(t, total, int64(len(datagram)/(sizeofHeader+sizeofSocket)))
			if err == nil && q == (Query{}) {
				require.GreaterOrEqual(t, total, int64(len(d.listeners)))
			}
		}
	})
}
