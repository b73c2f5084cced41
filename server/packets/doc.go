// Package packets answers TCP and UDP clients from their packets alone, past the kernel. It keeps nothing per connection, so one server
// stands for any number of them: its initial sequence number is a keyed hash of the 5-tuple, and what a segment acknowledges tells how far
// its connection is.
//
// That has a price. What is lost on the way to a client is not sent again, unless the client asks for it by sending its own segment again;
// the echo wants clients that wait for each echo; TCP's keepalive probes can't be told from other ACKs, and get no answer.
package packets
