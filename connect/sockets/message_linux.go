package sockets

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// TCP states as the kernel numbers them (net/tcp_states.h).
const (
	stateEstablished = 1 + iota
	stateSynSent
	stateSynRecv
	stateFinWait1
	stateFinWait2
	stateTimeWait
	stateClose
	stateCloseWait
	stateLastAck
	stateListen
	stateClosing
	stateNewSynRecv // a SYN_RECV that is no full socket yet
	stateCount

	allStates = 1<<stateCount - 1<<stateEstablished
)

// Sizes of what is read and written here (linux/netlink.h, linux/inet_diag.h).
const (
	sizeofHeader  = unix.SizeofNlMsghdr
	sizeofRequest = 56 // struct inet_diag_req_v2
	sizeofSocket  = 72 // struct inet_diag_msg
)

// appendRequest asks for all TCP sockets of a family in these states; a port that is not 0 is one the kernel filters by.
func appendRequest(b []byte, family uint8, states uint32, localPort, peerPort uint16, sequence uint32) []byte {
	b = binary.NativeEndian.AppendUint32(b, sizeofHeader+sizeofRequest)
	b = binary.NativeEndian.AppendUint16(b, unix.SOCK_DIAG_BY_FAMILY)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	b = binary.NativeEndian.AppendUint32(b, sequence)
	b = append(b, 0, 0, 0, 0) // the sender, which the kernel knows

	b = append(b, family, unix.IPPROTO_TCP, 0, 0) // no extensions
	b = binary.NativeEndian.AppendUint32(b, states)
	b = binary.BigEndian.AppendUint16(b, localPort)
	b = binary.BigEndian.AppendUint16(b, peerPort)
	return append(b, make([]byte, 44)...) // addresses, interface and cookie, by which a dump is not filtered
}

// message is one netlink message; its payload is part of the datagram.
type message struct {
	kind     uint16
	sequence uint32
	payload  []byte
}

// nextMessage cuts the first message off a datagram (netlink(7)).
func nextMessage(datagram []byte) (m message, rest []byte, err error) {
	if len(datagram) < sizeofHeader {
		return message{}, nil, fmt.Errorf("netlink message of %d bytes ends before its header", len(datagram))
	}
	length := binary.NativeEndian.Uint32(datagram)
	if length < sizeofHeader || uint64(length) > uint64(len(datagram)) {
		return message{}, nil, fmt.Errorf("netlink message says it has %d bytes, of %d", length, len(datagram))
	}
	m = message{
		kind:     binary.NativeEndian.Uint16(datagram[4:]),
		sequence: binary.NativeEndian.Uint32(datagram[8:]),
		payload:  datagram[sizeofHeader:length],
	}
	aligned := (uint64(length) + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1)
	return m, datagram[min(aligned, uint64(len(datagram))):], nil
}

// failure is the error that NLMSG_ERROR and NLMSG_DONE bring; nil is none.
func (m message) failure() error {
	if len(m.payload) < 4 {
		if m.kind == unix.NLMSG_DONE {
			return nil
		}
		return fmt.Errorf("netlink error of %d bytes has no number", len(m.payload))
	}
	code := int64(int32(binary.NativeEndian.Uint32(m.payload))) // #nosec G115 -- signed there
	if code >= 0 {
		return nil
	}
	return syscall.Errno(-code) // #nosec G115 -- positive, and below 1<<31
}

// socket is what a struct inet_diag_msg says.
type socket struct {
	state                   uint8
	localPort, peerPort     uint16
	peer                    netip.Addr // IPv4 addresses in IPv6 as IPv4
	receiveQueue, sendQueue uint32     // of a socket in LISTEN: connections to be accepted, and the backlog
	inode                   uint32     // 0 of a socket that no process has open
}

func (m message) socket() (socket, error) {
	p := m.payload
	if len(p) < sizeofSocket {
		return socket{}, fmt.Errorf("socket of %d bytes, %d are needed", len(p), sizeofSocket)
	}
	s := socket{
		state:        p[1],
		localPort:    binary.BigEndian.Uint16(p[4:]),
		peerPort:     binary.BigEndian.Uint16(p[6:]),
		receiveQueue: binary.NativeEndian.Uint32(p[56:]),
		sendQueue:    binary.NativeEndian.Uint32(p[60:]),
		inode:        binary.NativeEndian.Uint32(p[68:]),
	}
	if p[0] == unix.AF_INET {
		s.peer = netip.AddrFrom4([4]byte(p[24:28]))
	} else {
		s.peer = netip.AddrFrom16([16]byte(p[24:40])).Unmap()
	}
	return s, nil
}
