package server

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"golang.org/x/sys/unix"
)

// Some addresses can't be had on every machine, so the kernel's answers are made here.
func TestFromDestination(t *testing.T) {
	t.Parallel()
	const nic = 7
	for name, row := range map[string]struct{ received, sent []byte }{
		"nothing":        {nil, nil},
		"IPv4":           {control4(nic, "10.0.0.2"), control4(0, "10.0.0.2")},
		"IPv6":           {control6(nic, "2001:db8::2"), control6(0, "2001:db8::2")},
		"IPv4 on IPv6":   {control6(nic, "::ffff:10.0.0.2"), control6(0, "::ffff:10.0.0.2")},
		"link-local":     {control6(nic, "fe80::2"), control6(nic, "fe80::2")},
		"multicast":      {control6(nic, "ff02::1"), control6(nic, "::")},
		"both":           {append(control6(nic, "::ffff:10.0.0.2"), control4(nic, "10.0.0.2")...), append(control6(0, "::ffff:10.0.0.2"), control4(0, "10.0.0.2")...)},
		"cut":            {control4(nic, "10.0.0.2")[:20], nil},
		"less than that": {[]byte{1, 2, 3}, []byte{}},
		"something else": {control(unix.SOL_SOCKET, 99, make([]byte, 24)), control(unix.SOL_SOCKET, 99, make([]byte, 24))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, row.sent, fromDestination(row.received))
		})
	}
}

func control4(nic uint32, address string) []byte {
	info := binary.NativeEndian.AppendUint32(nil, nic)
	to := netip.MustParseAddr(address).As4()
	info = append(append(info, to[:]...), to[:]...)
	return control(unix.IPPROTO_IP, unix.IP_PKTINFO, info)
}

func control6(nic uint32, address string) []byte {
	to := netip.MustParseAddr(address).As16()
	return control(unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, binary.NativeEndian.AppendUint32(to[:], nic))
}

// control is a control message on a 64-bit system (cmsg(3)).
func control(level, kind uint32, data []byte) []byte {
	message := binary.NativeEndian.AppendUint64(nil, uint64(unix.CmsgLen(len(data))))
	message = binary.NativeEndian.AppendUint32(message, level)
	message = binary.NativeEndian.AppendUint32(message, kind)
	message = append(message, data...)
	return append(message, make([]byte, unix.CmsgSpace(len(data))-len(message))...)
}
