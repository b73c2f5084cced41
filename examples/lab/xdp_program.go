//go:build linux

package main

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/cilium/ebpf/asm"
)

// Offsets in a frame: Ethernet, then IPv4 without options, or IPv6 without extension headers, then TCP or UDP.
const (
	etherType = 12
	ipHeader  = 14

	v4Fragment, v4Protocol, v4Source, v4Destination, v4Ports = ipHeader + 6, ipHeader + 9, ipHeader + 12, ipHeader + 16, ipHeader + 20
	v6Protocol, v6Source, v6Destination, v6Ports             = ipHeader + 6, ipHeader + 8, ipHeader + 24, ipHeader + 40

	tcpFlags, synAndAck, syn = 13, 0x12, 0x02
	tcp, udp                 = 6, 17
)

// Places on the stack, from the frame pointer down. The key of a connection is its source address, both ports, and the protocol.
const (
	keySize                         = 24
	onKey, onPorts, onProtocol      = -24, -8, -4
	onPlace                         = -28 // in Maglev's table
	onNumber                        = -32 // of the backend
	packet, packetEnd, xdpMD, isNew = asm.R7, asm.R8, asm.R6, asm.R9
)

// xdpProgram deals out frames to the VIP. It leaves fragments and IP options to the kernel, as all other traffic. tracked is 0 for a
// program without state; with it, a connection stays where its SYN, or its first packet that was seen, has gone.
func xdpProgram(maglev, hops, tracked int) asm.Instructions {
	return slices.Concat(
		asm.Instructions{
			asm.Mov.Reg(xdpMD, asm.R1),
			asm.LoadMem(packet, xdpMD, 0, asm.Word),
			asm.LoadMem(packetEnd, xdpMD, 4, asm.Word),
		},
		within(v4Ports+4),
		asm.Instructions{
			asm.LoadMem(asm.R3, packet, etherType, asm.Half),
			asm.JEq.Imm(asm.R3, network16(0x0800), "IPv4"),
			asm.JNE.Imm(asm.R3, network16(0x86dd), "pass"),
		},
		keyOfIPv6(),
		keyOfIPv4(),
		protocol(),
		choose(maglev, tracked),
		send(hops),
		asm.Instructions{
			asm.Mov.Imm(asm.R0, 2).WithSymbol("pass"), // XDP_PASS
			asm.Return(),
		},
	)
}

// within passes on frames that are shorter.
func within(bytes int32) asm.Instructions {
	return asm.Instructions{
		asm.Mov.Reg(asm.R2, packet),
		asm.Add.Imm(asm.R2, bytes),
		asm.JGT.Reg(asm.R2, packetEnd, "pass"),
	}
}

// keyOfIPv4 puts the key on the stack, the protocol into R4, and where TCP or UDP begins into R9.
func keyOfIPv4() asm.Instructions {
	return slices.Concat(
		asm.Instructions{
			asm.LoadMem(asm.R3, packet, ipHeader, asm.Byte).WithSymbol("IPv4"),
			asm.JNE.Imm(asm.R3, 0x45, "pass"),
			asm.LoadMem(asm.R3, packet, v4Fragment, asm.Half),
			asm.And.Imm(asm.R3, network16(0x3fff)),
			asm.JNE.Imm(asm.R3, 0, "pass"),
		},
		isVIP(v4Destination, vip4),
		asm.Instructions{
			asm.LoadMem(asm.R4, packet, v4Protocol, asm.Byte),
			asm.LoadMem(asm.R3, packet, v4Source, asm.Word),
			asm.StoreMem(asm.RFP, onKey, asm.R3, asm.DWord), // the rest of the 16 bytes is 0
			asm.Mov.Imm(asm.R3, 0),
			asm.StoreMem(asm.RFP, onKey+8, asm.R3, asm.DWord),
			asm.LoadMem(asm.R3, packet, v4Ports, asm.Word),
			asm.StoreMem(asm.RFP, onPorts, asm.R3, asm.Word),
			asm.Mov.Reg(asm.R9, packet),
			asm.Add.Imm(asm.R9, v4Ports),
		},
	)
}

// keyOfIPv6 does the same, and goes on behind keyOfIPv4.
func keyOfIPv6() asm.Instructions {
	program := slices.Concat(within(v6Ports+4), isVIP(v6Destination, vip6))
	for word := int16(0); word < 16; word += 4 {
		program = append(program,
			asm.LoadMem(asm.R3, packet, v6Source+word, asm.Word),
			asm.StoreMem(asm.RFP, onKey+word, asm.R3, asm.Word))
	}
	return append(program,
		asm.LoadMem(asm.R4, packet, v6Protocol, asm.Byte),
		asm.LoadMem(asm.R3, packet, v6Ports, asm.Word),
		asm.StoreMem(asm.RFP, onPorts, asm.R3, asm.Word),
		asm.Mov.Reg(asm.R9, packet),
		asm.Add.Imm(asm.R9, v6Ports),
		asm.Ja.Label("protocol"),
	)
}

// isVIP passes on frames to other addresses.
func isVIP(offset int16, vip netip.Addr) (program asm.Instructions) {
	for i, bytes := 0, vip.AsSlice(); i < len(bytes); i += 4 {
		program = append(program,
			asm.LoadMem(asm.R3, packet, offset+int16(i), asm.Word), // #nosec G115 -- at most 12
			asm.LoadImm(asm.R2, int64(binary.NativeEndian.Uint32(bytes[i:])), asm.DWord),
			asm.JNE.Reg(asm.R3, asm.R2, "pass"))
	}
	return program
}

// protocol completes the key, and turns R9 into isNew: a TCP connection begins.
func protocol() asm.Instructions {
	return asm.Instructions{
		asm.StoreMem(asm.RFP, onProtocol, asm.R4, asm.Word).WithSymbol("protocol"),
		asm.JEq.Imm(asm.R4, tcp, "TCP"),
		asm.JNE.Imm(asm.R4, udp, "pass"),
		asm.Mov.Imm(isNew, 0),
		asm.Ja.Label("known"),
		asm.Mov.Reg(asm.R2, asm.R9).WithSymbol("TCP"),
		asm.Add.Imm(asm.R2, tcpFlags+1),
		asm.JGT.Reg(asm.R2, packetEnd, "pass"),
		asm.LoadMem(asm.R3, asm.R9, tcpFlags, asm.Byte),
		asm.And.Imm(asm.R3, synAndAck),
		asm.Mov.Imm(isNew, 0),
		asm.JNE.Imm(asm.R3, syn, "known"),
		asm.Mov.Imm(isNew, 1),
	}
}

// choose puts the backend's number on the stack.
func choose(maglev, tracked int) asm.Instructions {
	program := asm.Instructions{asm.Mov.Imm(asm.R0, 0).WithSymbol("known")}
	if tracked != 0 {
		program = append(program, asm.JNE.Imm(isNew, 0, "choose"))
		program = append(program, lookUp(tracked, onKey)...)
		program = append(program,
			asm.JEq.Imm(asm.R0, 0, "choose"),
			asm.LoadMem(asm.R3, asm.R0, 0, asm.Word),
			asm.StoreMem(asm.RFP, onNumber, asm.R3, asm.Word),
			asm.Ja.Label("send"))
	}
	program = append(program, hash()...)
	program = append(program, asm.Mod.Imm(asm.R0, maglevSize), asm.StoreMem(asm.RFP, onPlace, asm.R0, asm.Word))
	program = append(program, lookUp(maglev, onPlace)...)
	program = append(program,
		asm.JEq.Imm(asm.R0, 0, "pass"),
		asm.LoadMem(asm.R3, asm.R0, 0, asm.Word),
		asm.StoreMem(asm.RFP, onNumber, asm.R3, asm.Word))
	if tracked != 0 {
		program = append(program,
			asm.LoadMapPtr(asm.R1, tracked),
			asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, onKey),
			asm.Mov.Reg(asm.R3, asm.RFP), asm.Add.Imm(asm.R3, onNumber),
			asm.Mov.Imm(asm.R4, 0), // BPF_ANY
			asm.FnMapUpdateElem.Call())
	}
	return program
}

// hash mixes the six words of the key into R0: each is multiplied by 2^64 divided by the golden ratio, and the upper half folded into the lower.
func hash() asm.Instructions {
	program := asm.Instructions{
		asm.Mov.Imm(asm.R0, 0).WithSymbol("choose"),
		asm.LoadImm(asm.R2, -0x61c8864680b583eb, asm.DWord),
	}
	for word := int16(0); word < keySize; word += 4 {
		program = append(program,
			asm.LoadMem(asm.R1, asm.RFP, onKey+word, asm.Word),
			asm.Xor.Reg(asm.R0, asm.R1),
			asm.Mul.Reg(asm.R0, asm.R2),
			asm.Mov.Reg(asm.R1, asm.R0),
			asm.RSh.Imm(asm.R1, 32),
			asm.Xor.Reg(asm.R0, asm.R1))
	}
	return program
}

// lookUp puts a pointer to the value into R0, 0 if there is none, for a key on the stack.
func lookUp(m int, key int32) asm.Instructions {
	return asm.Instructions{
		asm.LoadMapPtr(asm.R1, m),
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, key),
		asm.FnMapLookupElem.Call(),
	}
}

// send rewrites the MAC addresses and redirects the frame.
func send(hops int) asm.Instructions {
	program := lookUp(hops, onNumber)
	program[0] = program[0].WithSymbol("send")
	program = append(program, asm.JEq.Imm(asm.R0, 0, "pass"))
	for word := int16(0); word < 12; word += 4 {
		program = append(program, asm.LoadMem(asm.R3, asm.R0, 4+word, asm.Word), asm.StoreMem(packet, word, asm.R3, asm.Word))
	}
	return append(program,
		asm.LoadMem(asm.R1, asm.R0, 0, asm.Word),
		asm.Mov.Imm(asm.R2, 0),
		asm.FnRedirect.Call(),
		asm.Return())
}

// network16 is a number of two bytes as the program loads it from a frame.
func network16(n uint16) int32 {
	return int32(binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, n)))
}
