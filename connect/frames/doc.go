// Package frames carries Ethernet frames past the kernel's own network stack: over AF_XDP, or over AF_PACKET with a tcx filter where that can't attach. A
// BPF program takes exactly the packets that a [Filter] names out of the kernel's way, and leaves everything else on the interface to
// it. Programs and sockets are held by descriptors of this process, so that nothing of them stays when it ends, however that happens.
package frames
