package frames

import (
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// hook is where the program runs: how it finds the packet, and what it returns.
type hook struct {
	kind ebpf.ProgramType
	skb  bool  // the context is a socket buffer, whose bytes need not be in one piece: they are copied
	pass int32 // the kernel goes on with the packet
	take asm.Instructions
}

const xdpPass = 2

// xdpHook hands packets to the socket of the queue that they have arrived on, or, if there is none, to the kernel.
func xdpHook(sockets *ebpf.Map) hook {
	const receiveQueue = 16
	return hook{ebpf.XDP, false, xdpPass, asm.Instructions{
		asm.LoadMem(asm.R2, asm.R6, receiveQueue, asm.Word),
		asm.LoadMapPtr(asm.R1, sockets.FD()),
		asm.Mov.Imm(asm.R3, xdpPass),
		asm.FnRedirectMap.Call(),
		asm.Return(),
	}}
}

// What the registers hold. R0 to R5 are anybody's.
const (
	context  = asm.R6
	packet   = asm.R7
	end      = asm.R8 // the packet's; of a socket buffer, how many bytes are left
	protocol = asm.R9
)

// Where the stack has keys of maps, below the frame pointer.
const (
	localKey      = -28 // prefix length, address
	localAddress  = -24
	remoteKey     = -56 // address, port as on the wire, protocol, padding
	remoteAddress = -56
	remotePort    = -40
	remoteProto   = -38
	localPort     = -64
	portKey       = -72
	copied        = -186 // the packet's beginning; what is behind Ethernet's 14 bytes is aligned
	zeroed        = -192
)

// headers is how much of a packet is looked at: an ICMPv6 error, and what it is about, up to the ports.
const headers = ethernet + ipv6 + icmp + ipv6 + ports

const (
	ethernet = 14
	ipv4     = 20
	ipv6     = 40
	icmp     = 8
	ports    = 4
)

// load makes the program of a table.
func (t *table) load(h hook) (*ebpf.Program, error) {
	p := program{hook: h, table: t}
	return ebpf.NewProgram(&ebpf.ProgramSpec{Name: "mconnect", Type: h.kind, License: "MIT", Instructions: p.instructions()})
}

type program struct {
	hook
	*table
}

// instructions are the whole program. It reads a packet up to the ports, and never beyond its end.
func (p *program) instructions() asm.Instructions {
	code := append(asm.Instructions{asm.Mov.Reg(context, asm.R1)}, p.find()...)
	code = append(code, field(12, asm.Half)...)
	code = append(code,
		asm.JEq.Imm(asm.R3, 0x0800, "ipv4"),
		asm.JEq.Imm(asm.R3, 0x86dd, "ipv6"),
		asm.JEq.Imm(asm.R3, 0x0806, "arp"),
		asm.Mov.Imm(asm.R0, p.pass).WithSymbol("pass"),
		asm.Return(),
	)
	for _, part := range []asm.Instructions{p.ipv4(), p.ipv6(), p.transport(), p.match(), p.arp(), p.solicitation()} {
		code = append(code, part...)
	}
	code = append(code, label("take", p.take)...)
	return code
}

// label names the first instruction of some.
func label(name string, code asm.Instructions) asm.Instructions {
	code[0] = code[0].WithSymbol(name)
	return code
}

// find makes packet and end those of a packet that has an Ethernet header.
func (p *program) find() asm.Instructions {
	if p.skb {
		return p.copyHeaders()
	}
	const dataField, endField = 0, 4
	bounds := asm.Instructions{asm.LoadMem(packet, context, dataField, asm.Word), asm.LoadMem(end, context, endField, asm.Word)}
	return slices.Concat(bounds, p.has(ethernet))
}

// copyHeaders copies a packet's beginning to the stack. Packets with a VLAN tag, which the kernel keeps elsewhere, are for the VLAN's own interface.
func (p *program) copyHeaders() asm.Instructions {
	const lenField, vlanField = 0, 20
	code := asm.Instructions{
		asm.LoadMem(asm.R2, context, vlanField, asm.Word),
		asm.JNE.Imm(asm.R2, 0, "pass"),
		asm.LoadMem(end, context, lenField, asm.Word),
	}
	code = append(code, p.has(ethernet)...)
	code = append(code, asm.JLE.Imm(end, headers, "zero"), asm.Mov.Imm(end, headers))
	zeros := asm.Instructions{asm.Mov.Imm(asm.R2, 0)}
	for at := int16(zeroed); at < portKey; at += 8 {
		zeros = append(zeros, asm.StoreMem(asm.R10, at, asm.R2, asm.DWord))
	}
	code = append(code, label("zero", zeros)...)
	return append(code,
		asm.Mov.Reg(packet, asm.R10),
		asm.Add.Imm(packet, copied),
		asm.Mov.Reg(asm.R1, context), // R2, from where, is 0
		asm.Mov.Reg(asm.R3, packet),
		asm.Mov.Reg(asm.R4, end),
		asm.FnSkbLoadBytes.Call(),
		asm.JNE.Imm(asm.R0, 0, "pass"),
	)
}

// has lets packets pass that end before so many bytes.
func (p *program) has(bytes int32) asm.Instructions {
	if p.skb {
		return asm.Instructions{asm.JLT.Imm(end, bytes, "pass")}
	}
	return asm.Instructions{
		asm.Mov.Reg(asm.R2, packet),
		asm.Add.Imm(asm.R2, bytes),
		asm.JGT.Reg(asm.R2, end, "pass"),
	}
}

// skip moves on by so many bytes.
func (p *program) skip(bytes int32) asm.Instructions {
	code := asm.Instructions{asm.Add.Imm(packet, bytes)}
	if p.skb {
		code = append(code, asm.Sub.Imm(end, bytes))
	}
	return code
}

// field loads a field of the packet into R3, as this machine counts.
func field(at int16, size asm.Size) asm.Instructions {
	code := asm.Instructions{asm.LoadMem(asm.R3, packet, at, size)}
	if size != asm.Byte {
		code = append(code, asm.HostTo(asm.BE, asm.R3, size))
	}
	return code
}

// address copies an address to the stack, IPv4 as one mapped to IPv6.
func address(from int16, bytes int, to int16) asm.Instructions {
	var code asm.Instructions
	if bytes == 4 {
		code = append(code,
			asm.StoreImm(asm.R10, to, 0, asm.Word), asm.StoreImm(asm.R10, to+4, 0, asm.Word),
			asm.StoreImm(asm.R10, to+8, 0, asm.Half), asm.StoreImm(asm.R10, to+10, 0xffff, asm.Half),
		)
		to += 12
	}
	for at := range int16(bytes / 4) { // #nosec G115 -- an address
		code = append(code, asm.LoadMem(asm.R3, packet, from+4*at, asm.Word), asm.StoreMem(asm.R10, to+4*at, asm.R3, asm.Word))
	}
	return code
}

// ipv4 reads whole packets without options, and turns to what they carry.
func (p *program) ipv4() asm.Instructions {
	const src, dst = ethernet + 12, ethernet + 16
	code := label("ipv4", p.has(ethernet+ipv4))
	code = append(code, field(ethernet, asm.Byte)...)
	code = append(code, asm.JNE.Imm(asm.R3, 0x45, "pass"))
	code = append(code, field(ethernet+6, asm.Half)...)
	code = append(code,
		asm.And.Imm(asm.R3, 0x3fff),
		asm.JNE.Imm(asm.R3, 0, "pass"),
		asm.LoadMem(protocol, packet, ethernet+9, asm.Byte),
		asm.JEq.Imm(protocol, 1, "icmp"),
	)
	code = append(code, address(dst, 4, localAddress)...)
	code = append(code, address(src, 4, remoteAddress)...)
	code = append(code, p.skip(ethernet+ipv4)...)
	code = append(code, asm.Ja.Label("transport"))
	return append(code, p.rejection("icmp", ethernet+ipv4, 4)...)
}

func (p *program) ipv6() asm.Instructions {
	const src, dst = ethernet + 8, ethernet + 24
	code := label("ipv6", p.has(ethernet+ipv6))
	code = append(code,
		asm.LoadMem(protocol, packet, ethernet+6, asm.Byte),
		asm.JEq.Imm(protocol, 58, "icmpv6"),
	)
	code = append(code, address(dst, 16, localAddress)...)
	code = append(code, address(src, 16, remoteAddress)...)
	code = append(code, p.skip(ethernet+ipv6)...)
	code = append(code, asm.Ja.Label("transport"))
	return append(code, p.rejection("icmpv6", ethernet+ipv6, 16)...)
}

// transport reads the ports of TCP and UDP: to a local one, from a remote one.
func (p *program) transport() asm.Instructions {
	code := asm.Instructions{
		asm.JEq.Imm(protocol, 6, "ports").WithSymbol("transport"),
		asm.JNE.Imm(protocol, 17, "pass"),
	}
	code = append(code, label("ports", p.has(ports))...)
	code = append(code, portsAt(2, 0)...)
	return append(code, asm.Ja.Label("match"))
}

func portsAt(local, remote int16) asm.Instructions {
	code := asm.Instructions{asm.LoadMem(asm.R3, packet, remote, asm.Half), asm.StoreMem(asm.R10, remotePort, asm.R3, asm.Half)}
	code = append(code, field(local, asm.Half)...)
	return append(code,
		asm.StoreMem(asm.R10, localPort, asm.R3, asm.DWord),
		asm.StoreMem(asm.R10, remoteProto, protocol, asm.Half), // and no padding left to chance
	)
}

// rejection reads the packet that an ICMP error is about: from a local port, to a remote one.
func (p *program) rejection(name string, at int32, bytes int) asm.Instructions {
	inner, header, src, proto := at+icmp, int32(ipv4), int32(12), int32(9)
	if bytes == 16 {
		header, src, proto = ipv6, 8, 6
	}
	code := label(name, p.has(inner))
	code = append(code, field(int16(at), asm.Byte)...) // #nosec G115 -- an offset in a packet's headers, as all below
	if bytes == 4 {
		code = append(code,
			asm.JEq.Imm(asm.R3, 3, name+" about"),
			asm.JNE.Imm(asm.R3, 11, "pass"),
		)
	} else {
		code = append(code,
			asm.JEq.Imm(asm.R3, 135, "solicitation"),
			asm.JEq.Imm(asm.R3, 0, "pass"),
			asm.JGT.Imm(asm.R3, 3, "pass"),
		)
	}
	code = append(code, label(name+" about", p.has(inner+header+ports))...)
	if bytes == 4 {
		code = append(code, field(int16(inner), asm.Byte)...) // #nosec G115 -- see above
		code = append(code, asm.JNE.Imm(asm.R3, 0x45, "pass"))
	}
	code = append(code, asm.LoadMem(protocol, packet, int16(inner+proto), asm.Byte))     // #nosec G115 -- see above
	code = append(code, address(int16(inner+src), bytes, localAddress)...)               // #nosec G115 -- see above
	code = append(code, address(int16(inner+src)+int16(bytes), bytes, remoteAddress)...) // #nosec G115 -- see above
	code = append(code, portsAt(int16(inner+header), int16(inner+header)+2)...)          // #nosec G115 -- see above
	return append(code, asm.JEq.Imm(protocol, 6, "match"), asm.JNE.Imm(protocol, 17, "pass"), asm.Ja.Label("match"))
}

// match looks the addresses and ports up in the maps.
func (p *program) match() asm.Instructions {
	code := label("match", p.findLocal())
	code = append(code,
		asm.LoadMem(asm.R3, asm.R10, localPort, asm.DWord),
		asm.RSh.Imm(asm.R3, 6),
		asm.StoreMem(asm.R10, portKey, asm.R3, asm.Word),
	)
	code = append(code, lookUp(p.ports.FD(), portKey)...)
	code = append(code,
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord),
		asm.LoadMem(asm.R3, asm.R10, localPort, asm.DWord),
		asm.And.Imm(asm.R3, 63),
		asm.RSh.Reg(asm.R1, asm.R3),
		asm.And.Imm(asm.R1, 1),
		asm.JEq.Imm(asm.R1, 0, "pass"),
	)
	if !p.anyRemote {
		code = append(code, lookUp(p.remotes.FD(), remoteKey)...)
	}
	return append(code, asm.Ja.Label("take"))
}

func (p *program) findLocal() asm.Instructions {
	return append(asm.Instructions{asm.StoreImm(asm.R10, localKey, 128, asm.Word)}, lookUp(p.locals.FD(), localKey)...)
}

// lookUp lets packets pass whose key is not in a map. Else R0 points to the value.
func lookUp(mapFD int, key int32) asm.Instructions {
	return asm.Instructions{
		asm.LoadMapPtr(asm.R1, mapFD),
		asm.Mov.Reg(asm.R2, asm.R10),
		asm.Add.Imm(asm.R2, key),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "pass"),
	}
}

// arp takes requests for addresses that no interface has.
func (p *program) arp() asm.Instructions {
	const operation, target, size = ethernet + 6, ethernet + 24, ethernet + 28
	code := label("arp", p.has(size))
	code = append(code, field(operation, asm.Half)...)
	code = append(code, asm.JNE.Imm(asm.R3, 1, "pass"))
	code = append(code, address(target, 4, localAddress)...)
	return append(code, p.answered()...)
}

func (p *program) solicitation() asm.Instructions {
	const target = ethernet + ipv6 + icmp
	code := label("solicitation", p.has(target+16))
	code = append(code, address(target, 16, localAddress)...)
	return append(code, p.answered()...)
}

// answered takes the packet if this device answers for the local address.
func (p *program) answered() asm.Instructions {
	return append(p.findLocal(),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.Word),
		asm.JEq.Imm(asm.R1, localAnswer, "take"),
		asm.Ja.Label("pass"),
	)
}
