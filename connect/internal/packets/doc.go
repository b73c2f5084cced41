// Package packets is the driver that makes TCP and UDP of its own: segments and datagrams go over a frames.Device, past the kernel, so a
// connection has no descriptor and no socket. It runs on one event loop, with a core for each call.
//
// A call's connections are in a slab, found by their 5-tuple; 5-tuples are not stored, since a connection's number tells its source and
// target. What outlives the core's interest, from the FIN to the end of TIME-WAIT, stays in the slab without a key.
package packets
