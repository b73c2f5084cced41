// Package packets is the driver that makes TCP and UDP of its own: segments and datagrams go over a frames.Device, past the kernel, so a
// connection has no descriptor and no socket. It runs on an event loop for each receive queue of an interface, up to the number of processors,
// with a core for each call on each loop.
//
// A loop has an end of each link, and a driver of each call. Which end has a connection is decided by the hash of its 5-tuple, for which the
// local port is chosen. A frame that arrives at another end, as interfaces have a hash of their own, is handed over. Calls whose ports are not
// the driver's to choose have all connections at the first end.
//
// A call's connections go by the core's keys, and are found by their 5-tuple; 5-tuples are not stored, since a connection's number tells its
// source and target. Those that are at rest fall asleep, which takes less memory. What outlives the core's interest, from the FIN to the end of
// TIME-WAIT, gets an id of its own.
package packets

// Tell is told how frames travel on an interface, such as "AF_XDP, generic mode".
type Tell func(nic, way string)
