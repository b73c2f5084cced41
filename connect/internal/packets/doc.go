// Package packets is the driver that makes TCP and UDP of its own: segments and datagrams go over a frames.Device, past the kernel, so a
// connection has no descriptor and no socket. It runs on one event loop, with a core for each call.
//
// A call's connections go by the core's keys, and are found by their 5-tuple; 5-tuples are not stored, since a connection's number tells its
// source and target. Those that are at rest fall asleep, which takes less memory. What outlives the core's interest, from the FIN to the end of
// TIME-WAIT, gets an id of its own.
package packets

// Tell is told how frames travel on an interface, such as "AF_XDP, generic mode".
type Tell func(nic, way string)
