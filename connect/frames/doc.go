// Package frames carries Ethernet frames past the kernel's own network stack: over AF_XDP. A
// BPF program takes exactly the packets that a [Filter] names out of the kernel's way, and leaves everything else on the interface to
// it. Program and sockets are held by descriptors of this process, so that nothing of them stays when it ends, however that happens.
package frames
